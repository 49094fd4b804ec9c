//! The summary behind `approx_percentile`: Greenwald and Khanna's, step for step as Spark keeps it, so that a group folded in one piece has
//! Spark's answer.
//!
//! A sample stands for `gap` rows up to it, and is uncertain in its rank by `delta`. Invariant: `gap + delta` of every sample is
//! at most twice the error times the number of rows, so that any rank is found within the error.

/// How many rows are put aside before they are sorted in.
const HEAD: usize = 50_000;

/// How many samples there may be before they are compressed.
const COMPRESS_ABOVE: usize = 10_000;

/// A value, and how many rows it stands for.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Sample {
    value: f64,
    gap: i64,
    delta: i64,
}

/// A summary of numbers.
#[derive(Debug, Clone, Default)]
pub(super) struct QuantileSummary {
    error: f64,
    samples: Vec<Sample>,
    count: i64,
    head: Vec<f64>,
}

impl QuantileSummary {
    /// Of nothing; ranks are found within `error` times the number of rows.
    pub(super) fn new(error: f64) -> QuantileSummary {
        QuantileSummary {
            error,
            ..QuantileSummary::default()
        }
    }

    /// Adds a number.
    pub(super) fn insert(&mut self, value: f64) {
        self.head.push(value);
        if self.head.len() >= HEAD {
            self.sort_in();
            if self.samples.len() >= COMPRESS_ABOVE {
                self.compress();
            }
        }
    }

    /// Sorts the rows that were put aside in among the samples.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        reason = "numbers of rows"
    )]
    fn sort_in(&mut self) {
        if self.head.is_empty() {
            return;
        }
        let mut head = std::mem::take(&mut self.head);
        head.sort_by(f64::total_cmp);
        let mut old = std::mem::take(&mut self.samples).into_iter().peekable();
        let mut samples = Vec::with_capacity(old.len() + head.len());
        let last = head.len() - 1;
        for (place, value) in head.into_iter().enumerate() {
            while let Some(sample) = old.next_if(|sample| sample.value <= value) {
                samples.push(sample);
            }
            self.count += 1;
            let is_extreme = samples.is_empty() || (place == last && old.peek().is_none());
            let delta = if is_extreme {
                0
            } else {
                (2.0 * self.error * self.count as f64).floor() as i64
            };
            samples.push(Sample {
                value,
                gap: 1,
                delta,
            });
        }
        samples.extend(old);
        self.samples = samples;
    }

    /// Sorts in and merges samples as far as the error allows.
    #[expect(clippy::cast_precision_loss, reason = "numbers of rows")]
    pub(super) fn compress(&mut self) {
        self.sort_in();
        self.samples = compressed(&self.samples, 2.0 * self.error * self.count as f64);
    }

    /// Adds the rows of another summary; both compressed.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        reason = "numbers of rows"
    )]
    pub(super) fn merge(&mut self, mut other: QuantileSummary) {
        self.compress();
        other.compress();
        if other.count == 0 {
            return;
        }
        if self.count == 0 {
            *self = other;
            return;
        }
        let error = self.error.max(other.error);
        let own_extra = (2.0 * other.error * other.count as f64).floor() as i64;
        let others_extra = (2.0 * self.error * self.count as f64).floor() as i64;
        let mut merged = Vec::with_capacity(self.samples.len() + other.samples.len());
        let mut own = self.samples.iter().copied().peekable();
        let mut others = other.samples.iter().copied().peekable();
        let (mut own_taken, mut others_taken) = (false, false);
        // Samples of one side suffer from what the other does not know, but not before it begins.
        while let (Some(first), Some(second)) = (own.peek(), others.peek()) {
            if first.value < second.value {
                let extra = if others_taken { own_extra } else { 0 };
                merged.extend(own.next().map(|sample| sample.with_extra(extra)));
                own_taken = true;
            } else {
                let extra = if own_taken { others_extra } else { 0 };
                merged.extend(others.next().map(|sample| sample.with_extra(extra)));
                others_taken = true;
            }
        }
        merged.extend(own);
        merged.extend(others);
        self.count += other.count;
        self.error = error;
        self.samples = compressed(&merged, 2.0 * error * self.count as f64);
    }

    /// The values at these percentages; `None` of no rows. Compressed before.
    pub(super) fn query(&self, percentages: &[f64]) -> Option<Vec<f64>> {
        let (first, last) = (self.samples.first()?, self.samples.last()?);
        let widest = self.samples.iter().map(|sample| sample.gap + sample.delta);
        #[expect(clippy::cast_precision_loss, reason = "numbers of rows")]
        let tolerance = widest.max().unwrap_or(0) as f64 / 2.0;
        let value = |percentage: &f64| {
            if *percentage <= self.error || self.samples.len() == 1 {
                first.value
            } else if *percentage >= 1.0 - self.error {
                last.value
            } else {
                self.find(*percentage, tolerance).unwrap_or(last.value)
            }
        };
        Some(percentages.iter().map(value).collect())
    }

    /// The first sample whose rank may be the wanted one within the tolerance.
    #[expect(clippy::cast_precision_loss, reason = "numbers of rows")]
    fn find(&self, percentage: f64, tolerance: f64) -> Option<f64> {
        let rank = (percentage * self.count as f64).ceil();
        let mut least = 0;
        let (_, before_last) = self.samples.split_last()?;
        before_last
            .iter()
            .find(|sample| {
                least += sample.gap;
                let most = least + sample.delta;
                most as f64 - tolerance <= rank && rank <= least as f64 + tolerance
            })
            .map(|sample| sample.value)
    }

    /// The error, the count, then value, gap and delta of each sample, 8 little-endian bytes each. Compressed before.
    pub(super) fn save(&self) -> Vec<u8> {
        let mut compressed = self.clone();
        compressed.compress();
        let mut bytes = Vec::with_capacity(16 + compressed.samples.len() * 24);
        bytes.extend(compressed.error.to_le_bytes());
        bytes.extend(compressed.count.to_le_bytes());
        for sample in &compressed.samples {
            bytes.extend(sample.value.to_le_bytes());
            bytes.extend(sample.gap.to_le_bytes());
            bytes.extend(sample.delta.to_le_bytes());
        }
        bytes
    }

    /// What [`QuantileSummary::save`] gave; `None` if it is not that.
    pub(super) fn read(bytes: &[u8]) -> Option<QuantileSummary> {
        let (words, rest) = bytes.as_chunks::<8>();
        let ([error, count, samples @ ..], []) = (words, rest) else {
            return None;
        };
        let (samples, rest) = samples.as_chunks::<3>();
        if !rest.is_empty() {
            return None;
        }
        let samples = samples.iter().map(|[value, gap, delta]| Sample {
            value: f64::from_le_bytes(*value),
            gap: i64::from_le_bytes(*gap),
            delta: i64::from_le_bytes(*delta),
        });
        Some(QuantileSummary {
            error: f64::from_le_bytes(*error),
            samples: samples.collect(),
            count: i64::from_le_bytes(*count),
            head: Vec::new(),
        })
    }

    /// How many bytes it holds.
    pub(super) fn memory_bytes(&self) -> usize {
        self.samples.capacity() * size_of::<Sample>() + self.head.capacity() * 8
    }
}

impl Sample {
    fn with_extra(self, extra: i64) -> Sample {
        Sample {
            delta: self.delta + extra,
            ..self
        }
    }
}

/// Merges samples into their successors, from the end, as long as they stay below the threshold; the first stays.
#[expect(clippy::cast_precision_loss, reason = "numbers of rows")]
fn compressed(samples: &[Sample], threshold: f64) -> Vec<Sample> {
    let Some((last, before)) = samples.split_last() else {
        return Vec::new();
    };
    let mut kept = Vec::new();
    let mut head = *last;
    for sample in before.iter().skip(1).rev() {
        if ((sample.gap + head.gap + head.delta) as f64) < threshold {
            head.gap += sample.gap;
        } else {
            kept.push(head);
            head = *sample;
        }
    }
    kept.push(head);
    if let Some(first) = before.first()
        && first.value <= head.value
    {
        kept.push(*first);
    }
    kept.reverse();
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    fn summary(error: f64, values: impl Iterator<Item = i64>) -> QuantileSummary {
        let mut summary = QuantileSummary::new(error);
        values.for_each(|value| summary.insert(value as f64));
        summary.compress();
        summary
    }

    #[test]
    fn answers_equal_those_of_spark() {
        let ascending = summary(0.1, 0..1_000);
        assert_eq!(
            ascending.query(&[0.1, 0.5, 0.9]).unwrap(),
            [0.0, 412.0, 999.0]
        );
        let mixed = summary(0.01, (0..100_000).map(|id| id * 7_919 % 100_003));
        assert_eq!(
            mixed.query(&[0.1, 0.5, 0.9, 0.99]).unwrap(),
            [9_272.0, 49_874.0, 89_481.0, 100_002.0]
        );
    }

    #[test]
    fn merged_pieces_stay_within_the_error_in_any_order() {
        let pieces: Vec<QuantileSummary> = (0..10)
            .map(|piece| summary(0.01, (piece * 1_000)..(piece + 1) * 1_000))
            .collect();
        for order in [
            [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
            [9, 3, 5, 0, 8, 1, 7, 2, 6, 4],
        ] {
            let mut merged = QuantileSummary::new(0.01);
            for piece in order {
                let saved = pieces[piece].save();
                merged.merge(QuantileSummary::read(&saved).unwrap());
            }
            for (percentage, exact) in [(0.1, 1_000.0), (0.5, 5_000.0), (0.9, 9_000.0)] {
                let value = merged.query(&[percentage]).unwrap()[0];
                // Each merge may add the error of its parts once.
                assert!((value - exact).abs() <= 200.0, "{percentage}: {value}");
            }
        }
    }

    #[test]
    fn nothing_has_no_percentiles_and_damage_is_noticed() {
        assert_eq!(QuantileSummary::new(0.1).query(&[0.5]), None);
        let saved = summary(0.1, 0..10).save();
        assert!(QuantileSummary::read(&saved[..saved.len() - 1]).is_none());
        assert!(QuantileSummary::read(&saved[..saved.len() - 8]).is_none());
        assert!(QuantileSummary::read(&[]).is_none());
    }
}
