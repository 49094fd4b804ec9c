//! The numbers of Tuple sketches, how they are put together, and how they are written.

use datasketches::codec::{SketchBytes, SketchSlice};
use datasketches::error::{Error, ErrorKind};
use datasketches::tuple::{
    SummaryCombinePolicy, SummaryPolicy, SummaryUpdatePolicy, TupleSummaryValue,
};
use std::fmt::Debug;
use std::marker::PhantomData;

/// How numbers are put together. The order is that of Java's modes, by which they are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Sum,
    Min,
    Max,
    AlwaysOne,
}

const MODES: [Mode; 4] = [Mode::Sum, Mode::Min, Mode::Max, Mode::AlwaysOne];

impl Mode {
    /// The mode of this name.
    pub(super) fn of(name: &str) -> Option<Mode> {
        match name.to_lowercase().as_str() {
            "sum" => Some(Mode::Sum),
            "min" => Some(Mode::Min),
            "max" => Some(Mode::Max),
            "alwaysone" => Some(Mode::AlwaysOne),
            _ => None,
        }
    }

    fn code(self) -> u8 {
        match self {
            Mode::Sum => 0,
            Mode::Min => 1,
            Mode::Max => 2,
            Mode::AlwaysOne => 3,
        }
    }
}

/// A kind of number that sketches keep.
pub(super) trait Number: Copy + Send + Sync + Debug + 'static {
    /// What all of them together are.
    type Total;

    /// What changes nothing in this mode.
    fn identity(mode: Mode) -> Self;
    /// Both together.
    fn combine(self, other: Self, mode: Mode) -> Self;
    /// All together.
    fn total(mode: Mode, numbers: impl Iterator<Item = Self>) -> Self::Total;
    /// Appends its bytes, little-endian.
    fn write(self, bytes: &mut Vec<u8>);
    /// Takes its bytes off the front.
    fn read(cursor: &mut SketchSlice<'_>) -> std::io::Result<Self>;
}

impl Number for f64 {
    type Total = f64;

    fn identity(mode: Mode) -> f64 {
        match mode {
            Mode::Sum => 0.0,
            Mode::Min => f64::INFINITY,
            Mode::Max => f64::NEG_INFINITY,
            Mode::AlwaysOne => 1.0,
        }
    }

    fn combine(self, other: f64, mode: Mode) -> f64 {
        match mode {
            Mode::Sum => self + other,
            Mode::Min => self.min(other),
            Mode::Max => self.max(other),
            Mode::AlwaysOne => 1.0,
        }
    }

    fn total(mode: Mode, numbers: impl Iterator<Item = f64>) -> f64 {
        match mode {
            #[expect(clippy::cast_precision_loss, reason = "at most 2^26")]
            Mode::AlwaysOne => numbers.count() as f64,
            _ => numbers.fold(f64::identity(mode), |total, number| {
                total.combine(number, mode)
            }),
        }
    }

    fn write(self, bytes: &mut Vec<u8>) {
        bytes.extend(self.to_le_bytes());
    }

    fn read(cursor: &mut SketchSlice<'_>) -> std::io::Result<f64> {
        cursor.read_f64_le()
    }
}

impl Number for i32 {
    type Total = i64;

    fn identity(mode: Mode) -> i32 {
        match mode {
            Mode::Sum => 0,
            Mode::Min => i32::MAX,
            Mode::Max => i32::MIN,
            Mode::AlwaysOne => 1,
        }
    }

    /// Sums wrap around, as Java's do.
    fn combine(self, other: i32, mode: Mode) -> i32 {
        match mode {
            Mode::Sum => self.wrapping_add(other),
            Mode::Min => self.min(other),
            Mode::Max => self.max(other),
            Mode::AlwaysOne => 1,
        }
    }

    fn total(mode: Mode, numbers: impl Iterator<Item = i32>) -> i64 {
        let numbers = numbers.map(i64::from);
        match mode {
            Mode::Sum => numbers.sum(),
            Mode::Min => numbers.min().unwrap_or(i64::MAX),
            Mode::Max => numbers.max().unwrap_or(i64::MIN),
            Mode::AlwaysOne => i64::try_from(numbers.count()).unwrap_or(i64::MAX),
        }
    }

    fn write(self, bytes: &mut Vec<u8>) {
        bytes.extend(self.to_le_bytes());
    }

    fn read(cursor: &mut SketchSlice<'_>) -> std::io::Result<i32> {
        cursor.read_i32_le()
    }
}

/// A number with the mode it was made in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Summary<T> {
    mode: Mode,
    value: T,
}

impl<T: Number> Summary<T> {
    pub(super) fn new(mode: Mode, value: T) -> Summary<T> {
        Summary { mode, value }
    }

    pub(super) fn value(&self) -> T {
        self.value
    }

    /// Appends its bytes.
    pub(super) fn write(&self, bytes: &mut Vec<u8>) {
        self.value.write(bytes);
        bytes.push(self.mode.code());
    }
}

impl<T: Number> TupleSummaryValue for Summary<T> {
    fn serialize_size(&self) -> usize {
        size_of::<T>() + 1
    }

    fn serialize_value(&self, bytes: &mut SketchBytes) {
        let mut own = Vec::with_capacity(size_of::<T>() + 1);
        self.write(&mut own);
        bytes.write(&own);
    }

    fn deserialize_value(cursor: &mut SketchSlice<'_>) -> Result<Self, Error> {
        let short = |_| Error::new(ErrorKind::InvalidData, "a summary is cut off");
        let value = T::read(cursor).map_err(short)?;
        let code = cursor.read_u8().map_err(short)?;
        let mode = MODES.into_iter().find(|mode| mode.code() == code);
        let mode = mode.ok_or_else(|| Error::new(ErrorKind::InvalidData, "an unknown mode"))?;
        Ok(Summary { mode, value })
    }
}

/// How a sketch or a union makes numbers and puts them together.
#[derive(Debug, Clone, Copy)]
pub(super) struct Policy<T> {
    mode: Mode,
    numbers: PhantomData<fn() -> T>,
}

impl<T> Policy<T> {
    pub(super) fn new(mode: Mode) -> Policy<T> {
        Policy {
            mode,
            numbers: PhantomData,
        }
    }
}

impl<T: Number> SummaryPolicy for Policy<T> {
    type Summary = Summary<T>;

    fn create(&self) -> Summary<T> {
        Summary::new(self.mode, T::identity(self.mode))
    }
}

impl<T: Number> SummaryUpdatePolicy<T> for Policy<T> {
    fn update(&self, summary: &mut Summary<T>, value: T) {
        summary.value = summary.value.combine(value, self.mode);
    }
}

impl<T: Number> SummaryCombinePolicy for Policy<T> {
    fn combine(&self, summary: &mut Summary<T>, other: &Summary<T>) {
        summary.value = summary.value.combine(other.value, self.mode);
        summary.mode = self.mode;
    }
}
