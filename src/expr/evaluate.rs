//! (being written)
/// A column or a constant.
#[derive(Debug, Clone)]
pub enum Value {
    /// A value per row.
    Array(arrow::array::ArrayRef),
    /// One value for all rows: an array of exactly one row.
    Scalar(arrow::array::ArrayRef),
}
