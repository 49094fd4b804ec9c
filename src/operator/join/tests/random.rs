//! Random rows in random batches, with restarts, against the reference.

use super::reference::Reference;
use super::*;

/// Splitmix64: the same numbers for the same seed.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit
    }

    /// Rows around a moment, some of them late, a few without key or time.
    fn rows(&mut self, around: i64, value: &mut i64) -> Vec<Row> {
        const KEYS: [&str; 6] = ["a", "b", "c", "d", "e", "f"];
        let count = self.below(60);
        (0..count)
            .map(|_| {
                *value += 1;
                let key =
                    (self.below(15) > 0).then(|| KEYS[usize::try_from(self.below(6)).unwrap()]);
                let time = around - 25 + self.below(40).cast_signed();
                (key, (self.below(40) > 0).then_some(time), *value)
            })
            .collect()
    }
}

fn compare(join_type: JoinType, is_bounded: bool, seed: u64) {
    let spec = || {
        if is_bounded {
            within(join_type)
        } else {
            endless(join_type)
        }
    };
    let mut random = Random(seed);
    let mut reference = Reference::new(join_type, is_bounded);
    let mut join = join(spec());
    let mut deltas: Vec<StateDelta> = Vec::new();
    let (mut late, mut eviction, mut value) = (0, 0, 0);
    for batch in 0..40 {
        let around = 30 + 4 * batch;
        let left = random.rows(around, &mut value);
        let right = random.rows(around, &mut value);
        let input: [&[Row]; 2] = match random.below(8) {
            0 => [&left, &[]],
            1 => [&[], &right],
            2 => [&[], &[]],
            _ => [&left, &right],
        };
        let expected = reference.run(input, (late, eviction));
        let given = run(&mut join, input, (late, eviction));
        assert_eq!(given, expected, "seed {seed}, batch {batch}, {join_type:?}");
        deltas.push(join.take_delta().unwrap());
        late = eviction;
        eviction = eviction.max(around - 20 + random.below(10).cast_signed());
        match random.below(6) {
            0 => join = reopened(spec(), &deltas),
            1 => {
                deltas = vec![join.snapshot().unwrap()];
                join = reopened(spec(), &deltas);
            }
            _ => {}
        }
    }
}

#[test]
fn random_rows_in_random_batches_come_out_as_from_the_reference() {
    let types = [
        JoinType::Inner,
        JoinType::LeftOuter,
        JoinType::RightOuter,
        JoinType::FullOuter,
        JoinType::LeftSemi,
    ];
    for seed in 0..8 {
        for join_type in types {
            compare(join_type, true, seed);
        }
        compare(JoinType::Inner, false, seed);
        compare(JoinType::LeftSemi, false, seed);
    }
}
