//! The events of the demo: impressions of ads, and the clicks on some of them.
//!
//! Event time runs [`HASTE`] times as fast as the clock. Every impression has a number; whether it is clicked, and after how long, follows
//! from the number in a fixed way that looks random. Clicks are kept back until event time has come to them. A few come later than the
//! query waits for.

use crate::batch::Timestamp;
use crate::clock::{Clock, StopSignal, SystemClock};
use crate::error::{Error, ErrorKind, Result};
use rdkafka::ClientConfig;
use rdkafka::error::KafkaError;
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

/// How many times as fast as the clock event time runs, so that windows of ten seconds close every second and a half.
const HASTE: i64 = 7;

/// Events are sent in bursts, so many a second.
const BURSTS: u64 = 20;

/// The longest time from an impression to its click. The query waits for five seconds.
const ANSWER_MS_MAX: u64 = 5_500;

/// Where events go.
pub(super) struct Topics {
    pub(super) bootstrap_servers: String,
    pub(super) impressions: String,
    pub(super) clicks: String,
}

/// How many events were sent.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sent {
    pub(super) impressions: u64,
    pub(super) clicks: u64,
}

/// Sends `rate` impressions a second, and the clicks on them, until told to stop.
///
/// # Errors
///
/// `Unavailable`, if the client or the thread cannot start; from the thread, if an event cannot be sent.
pub(super) fn start(
    topics: Topics,
    rate: u64,
    stop: Arc<StopSignal>,
) -> Result<JoinHandle<Result<Sent>>> {
    let producer: ThreadedProducer<DefaultProducerContext> = ClientConfig::new()
        .set("bootstrap.servers", &topics.bootstrap_servers)
        .set("linger.ms", "20")
        .create()
        .map_err(unavailable)?;
    let mut feed = Feed {
        producer,
        topics,
        clicks: BTreeMap::new(),
        sent: Sent::default(),
    };
    std::thread::Builder::new()
        .name("tidemill-demo-feed".to_owned())
        .spawn(move || feed.run(rate.div_ceil(BURSTS), &stop))
        .map_err(|error| {
            Error::new(ErrorKind::Unavailable, "cannot start a thread").with_source(error)
        })
}

fn unavailable(error: KafkaError) -> Error {
    Error::new(ErrorKind::Unavailable, "cannot send events").with_source(error)
}

struct Feed {
    producer: ThreadedProducer<DefaultProducerContext>,
    topics: Topics,
    /// Clicks to come, by event time in milliseconds: the numbers of the impressions.
    clicks: BTreeMap<i64, Vec<u64>>,
    sent: Sent,
}

impl Feed {
    fn run(&mut self, burst: u64, stop: &StopSignal) -> Result<Sent> {
        let clock = SystemClock::new();
        let start = clock.now();
        for bursts in 1_u64.. {
            if stop.is_set() {
                break;
            }
            let now = start.0 + (clock.now().0 - start.0) * HASTE;
            for _ in 0..burst {
                self.impression(now)?;
            }
            self.clicks_until(now)?;
            let next = start.0 + i64::try_from(bursts * 1_000 / BURSTS).unwrap_or(i64::MAX);
            clock.wait_until(Timestamp(next), stop);
        }
        self.producer
            .flush(Duration::from_secs(5))
            .map_err(unavailable)?;
        Ok(self.sent)
    }

    fn impression(&mut self, now: i64) -> Result<()> {
        let number = self.sent.impressions;
        self.sent.impressions += 1;
        let ad = mixed(number) % 100;
        let shown = Timestamp(now).to_iso();
        let event = format!(
            r#"{{"impression": "{number}", "ad": "ad-{ad}", "user": "user-{}", "shown": "{shown}"}}"#,
            mixed(number) % 997,
        );
        if let Some(after) = clicked_after_ms(number, ad) {
            self.clicks.entry(now + after).or_default().push(number);
        }
        self.send(&self.topics.impressions, &event)
    }

    /// Sends the clicks whose time has come.
    fn clicks_until(&mut self, now: i64) -> Result<()> {
        let later = self.clicks.split_off(&(now + 1));
        for (time, numbers) in std::mem::replace(&mut self.clicks, later) {
            let clicked = Timestamp(time).to_iso();
            for number in numbers {
                let event = format!(r#"{{"impression": "{number}", "clicked": "{clicked}"}}"#);
                self.send(&self.topics.clicks, &event)?;
                self.sent.clicks += 1;
            }
        }
        Ok(())
    }

    fn send(&self, topic: &str, event: &str) -> Result<()> {
        let record: BaseRecord<'_, (), str> = BaseRecord::to(topic).payload(event);
        self.producer
            .send(record)
            .map_err(|(error, _)| unavailable(error))
    }
}

/// A number that looks random, but is always the same.
fn mixed(number: u64) -> u64 {
    number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33
}

/// After how many milliseconds an impression is clicked, if it is: the five campaigns' ads between once and five times in a hundred.
fn clicked_after_ms(number: u64, ad: u64) -> Option<i64> {
    let chance = mixed(number ^ 0x5bd1_e995);
    let is_clicked = chance % 100 <= ad % 5;
    let after = chance / 100 % ANSWER_MS_MAX;
    is_clicked.then(|| i64::try_from(after).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_impressions_are_clicked_and_a_few_of_them_too_late() {
        let clicks = |campaign: u64| -> Vec<i64> {
            (0..100_000)
                .map(|number| (number, mixed(number) % 100))
                .filter(|(_, ad)| ad % 5 == campaign)
                .filter_map(|(number, ad)| clicked_after_ms(number, ad))
                .collect()
        };
        let (rare, often) = (clicks(0), clicks(4));
        assert!((100..400).contains(&rare.len()), "{}", rare.len());
        assert!((800..1_200).contains(&often.len()), "{}", often.len());
        let late = often.iter().filter(|after| **after > 5_000).count();
        assert!((20..200).contains(&late), "{late}");
    }
}
