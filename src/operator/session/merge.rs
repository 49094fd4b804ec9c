//! Which sessions become one.
//!
//! New sessions come sorted by key and start. Each is joined with the kept sessions of its key that it touches, and with the new
//! ones after it for as long as they touch what it has become. What is joined is merged in the order of starts, as in Spark, so that `first`
//! and `collect_list` see rows in the order of time as far as batches allow; of equal starts the kept one comes first.

use super::keys::Keys;
use super::partial::Session;
use std::ops::Range;

/// A part of a session to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// One that is kept, by slot.
    Kept(u32),
    /// A new one, by its place among the new ones.
    New(u32),
}

/// A session to be.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Cluster {
    pub(super) session: Session,
    /// Which of the key's kept sessions it replaces.
    pub(super) replaces: Range<usize>,
    /// What it is made of, by start: at least one new session.
    pub(super) parts: Vec<Part>,
}

/// The cluster that begins with the first of `new`, which are sorted; and how many of them it takes. `span` gives start and
/// end of a kept session.
pub(super) fn first_cluster(
    new: &[Session],
    first: u32,
    keys: &Keys,
    span: &dyn Fn(u32) -> (i64, i64),
) -> Option<(Cluster, usize)> {
    let mut session = *new.first()?;
    let kept = keys.sessions(session.key);
    let low = kept.partition_point(|slot| span(*slot).1 < session.start);
    let (mut high, mut taken) = (low, 1);
    loop {
        if let Some((start, end)) = kept.get(high).map(|slot| span(*slot))
            && start <= session.end
        {
            session.start = session.start.min(start);
            session.end = session.end.max(end);
            high += 1;
        } else if let Some(next) = new.get(taken)
            && next.key == session.key
            && next.start <= session.end
        {
            session.end = session.end.max(next.end);
            taken += 1;
        } else {
            break;
        }
    }
    let kept_parts = kept
        .get(low..high)
        .unwrap_or_default()
        .iter()
        .map(|slot| (span(*slot).0, Part::Kept(*slot)));
    let new_parts = new
        .iter()
        .take(taken)
        .zip(first..)
        .map(|(session, place)| (session.start, Part::New(place)));
    let mut parts: Vec<(i64, Part)> = kept_parts.chain(new_parts).collect();
    parts.sort_by_key(|(start, _)| *start);
    let cluster = Cluster {
        session,
        replaces: low..high,
        parts: parts.into_iter().map(|(_, part)| part).collect(),
    };
    Some((cluster, taken))
}
