//! `flat_map_groups_with_state`: one value of state and one timeout for each key, after Spark's older way of keeping state.
//!
//! It is a [`StatefulProcessor`] whose function is called for each key with rows, and once more, without rows, for each key whose timeout has passed.
//! As in Spark, a call for rows takes the timeout of the key back unless it sets it again, and a timeout has passed when it is *before* the time
//! of the batch or the watermark, not at it.

use super::{Declarations, ExpiredTimer, KeyContext, StatefulProcessor, TimeMode, Ttl, ValueState};
use crate::error::{Error, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::marker::PhantomData;
use std::time::Duration;

/// What timeouts count by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum GroupStateTimeout {
    /// There are none.
    #[default]
    NoTimeout,
    /// The time of the batch.
    ProcessingTimeTimeout,
    /// The watermark. Late rows are dropped.
    EventTimeTimeout,
}

impl GroupStateTimeout {
    pub(crate) fn time_mode(self) -> TimeMode {
        match self {
            GroupStateTimeout::NoTimeout => TimeMode::None,
            GroupStateTimeout::ProcessingTimeTimeout => TimeMode::ProcessingTime,
            GroupStateTimeout::EventTimeTimeout => TimeMode::EventTime,
        }
    }
}

/// The state of a key in a call of `flat_map_groups_with_state`.
#[derive(Debug)]
pub struct GroupState<'a, 'k, S> {
    value: &'a ValueState<S>,
    context: &'a mut KeyContext<'k>,
    timeout: GroupStateTimeout,
    has_timed_out: bool,
}

impl<S: Serialize + DeserializeOwned> GroupState<'_, '_, S> {
    /// The state, if there is some.
    ///
    /// # Errors
    ///
    /// `Incompatible`, if what is kept is not of this type.
    pub fn get(&self) -> Result<Option<S>> {
        self.value.get(self.context)
    }

    /// Puts a state in place of what is there.
    ///
    /// # Errors
    ///
    /// `Invalid`, if serde cannot write it.
    pub fn update(&mut self, state: &S) -> Result<()> {
        self.value.update(self.context, state)
    }

    /// Removes the state, and with it the timeout.
    ///
    /// # Errors
    ///
    /// `Internal` only.
    pub fn remove(&mut self) -> Result<()> {
        clear_timers(self.context)?;
        self.value.clear(self.context)
    }

    /// Whether this call is for a timeout, without rows.
    pub fn has_timed_out(&self) -> bool {
        self.has_timed_out
    }

    /// The time of the batch, in milliseconds since the epoch.
    pub fn current_processing_time_ms(&self) -> i64 {
        self.context.current_processing_time_ms()
    }

    /// The watermark, in milliseconds since the epoch; 0 as long as there is none.
    pub fn current_watermark_ms(&self) -> i64 {
        self.context.current_watermark_ms()
    }

    /// Calls again, without rows, once this much processing time has passed.
    ///
    /// # Errors
    ///
    /// `Invalid`, outside [`GroupStateTimeout::ProcessingTimeTimeout`] or for a duration of nothing.
    pub fn set_timeout_duration(&mut self, duration: Duration) -> Result<()> {
        if self.timeout != GroupStateTimeout::ProcessingTimeTimeout {
            return Err(Error::invalid(
                "a timeout duration needs GroupStateTimeout::ProcessingTimeTimeout",
            ));
        }
        match i64::try_from(duration.as_millis()) {
            Ok(millis) if millis > 0 => {
                let now = self.context.current_processing_time_ms();
                self.set_timeout(now.saturating_add(millis))
            }
            _ => Err(Error::invalid(
                "the timeout duration must be positive and fit in milliseconds",
            )),
        }
    }

    /// Calls again, without rows, once the watermark has passed this time, in milliseconds since the epoch.
    ///
    /// # Errors
    ///
    /// `Invalid`, outside [`GroupStateTimeout::EventTimeTimeout`] or for a time at or before the watermark.
    pub fn set_timeout_timestamp(&mut self, time_ms: i64) -> Result<()> {
        if self.timeout != GroupStateTimeout::EventTimeTimeout {
            return Err(Error::invalid(
                "a timeout timestamp needs GroupStateTimeout::EventTimeTimeout",
            ));
        }
        let watermark = self.context.current_watermark_ms();
        if time_ms <= watermark {
            return Err(Error::invalid(format!(
                "the timeout timestamp must be after the watermark. timeout=`{time_ms}`, watermark=`{watermark}`"
            )));
        }
        self.set_timeout(time_ms)
    }

    fn set_timeout(&mut self, time_ms: i64) -> Result<()> {
        clear_timers(self.context)?;
        // Timers are due at their time, timeouts after it.
        self.context.register_timer(time_ms.saturating_add(1))
    }
}

fn clear_timers(context: &mut KeyContext<'_>) -> Result<()> {
    let timers: Vec<i64> = context.list_timers().collect();
    timers
        .into_iter()
        .try_for_each(|timer| context.delete_timer(timer))
}

/// The processor that calls `function`.
pub(crate) struct FlatMapGroups<K, I, S, O, F> {
    function: F,
    timeout: GroupStateTimeout,
    value: ValueState<S>,
    #[expect(clippy::type_complexity, reason = "a tuple of three parameters")]
    of: PhantomData<fn() -> (K, I, O)>,
}

impl<K, I, S, O, F> FlatMapGroups<K, I, S, O, F> {
    pub(crate) fn new(function: F, timeout: GroupStateTimeout) -> Self {
        FlatMapGroups {
            function,
            timeout,
            value: ValueState::default(),
            of: PhantomData,
        }
    }
}

impl<K, I, S, O, F> StatefulProcessor for FlatMapGroups<K, I, S, O, F>
where
    K: DeserializeOwned + 'static,
    I: DeserializeOwned + 'static,
    S: Serialize + DeserializeOwned + 'static,
    O: Serialize + DeserializeOwned + 'static,
    F: Fn(&K, Vec<I>, &mut GroupState<'_, '_, S>) -> Result<Vec<O>> + Send + Sync + 'static,
{
    type Key = K;
    type Input = I;
    type Output = O;

    fn init(&mut self, states: &mut Declarations) -> Result<()> {
        self.value = states.value_state("groupState", Ttl::NONE)?;
        Ok(())
    }

    fn handle_input_rows(
        &self,
        key: &K,
        rows: Vec<I>,
        context: &mut KeyContext<'_>,
        output: &mut Vec<O>,
    ) -> Result<()> {
        if self.timeout != GroupStateTimeout::NoTimeout {
            clear_timers(context)?;
        }
        self.call(key, rows, (context, false), output)
    }

    fn handle_expired_timer(
        &self,
        key: &K,
        _timer: ExpiredTimer,
        context: &mut KeyContext<'_>,
        output: &mut Vec<O>,
    ) -> Result<()> {
        self.call(key, Vec::new(), (context, true), output)
    }
}

impl<K, I, S, O, F> FlatMapGroups<K, I, S, O, F>
where
    F: Fn(&K, Vec<I>, &mut GroupState<'_, '_, S>) -> Result<Vec<O>>,
{
    fn call(
        &self,
        key: &K,
        rows: Vec<I>,
        (context, has_timed_out): (&mut KeyContext<'_>, bool),
        output: &mut Vec<O>,
    ) -> Result<()> {
        let mut state = GroupState {
            value: &self.value,
            context,
            timeout: self.timeout,
            has_timed_out,
        };
        output.extend((self.function)(key, rows, &mut state)?);
        Ok(())
    }
}
