use super::fold::{Xxh64, fold};
use super::murmur3::Murmur3;
use crate::batch::{BatchContext, Timestamp};
use crate::expr::Value;
use crate::function::Call;
use crate::function::testing::{answers, assert_answers, assert_fails};
use arrow::array::{ArrayRef, Int32Array, ListArray, StringArray};
use arrow::datatypes::{DataType, Int32Type};
use std::sync::Arc;

#[test]
fn digests_are_hexadecimal() {
    assert_answers(&[
        ("md5('Spark')", "8cde774d6f7333752ed72cacddb05126"),
        ("sha1('Spark')", "85f5955f4b27a9a4c2aab6ffe5d7189fc298b92c"),
        (
            "sha2('Spark', 0)",
            "529bc3b07127ecb7e53a4dcf1991d9152c24537d919178022b2c42657f79a26b",
        ),
        ("sha2('Spark', 1)", "NULL"),
        ("crc32('Spark')", "1557323817"),
    ]);
}

#[test]
fn hashes_are_those_of_spark() {
    assert_answers(&[("hash(NULL)", "42"), ("xxhash64(NULL)", "42")]);
    // Zeros hash alike, whatever their sign, and so does a decimal that fits a BIGINT.
    assert_answers(&[
        ("hash(0.0D) = hash(-0.0D)", "true"),
        ("hash(CAST(1 AS DECIMAL(18, 0))) = hash(1L)", "true"),
        ("hash(CAST(1 AS DECIMAL(19, 0))) = hash(x'01')", "true"),
        ("hash(CAST(-129 AS DECIMAL(19, 0))) = hash(x'FF7F')", "true"),
    ]);
    let hashes = answers("hash(s) = hash('a')", &["a", "b"]).unwrap();
    assert_eq!(hashes, ["true", "false"]);
}

#[test]
fn nested_values_are_hashed_part_by_part() {
    let lists = ListArray::from_iter_primitive::<Int32Type, _, _>([Some([Some(123)])]);
    let values: [ArrayRef; 3] = [
        Arc::new(StringArray::from(vec!["Spark"])),
        Arc::new(lists),
        Arc::new(Int32Array::from(vec![2])),
    ];
    let call = Call {
        arguments: &values.map(Value::Scalar),
        lambdas: &[],
        input: None,
        rows: 2,
        returns: &DataType::Int64,
        context: &BatchContext::one_shot(Timestamp(0), "UTC"),
    };
    assert_eq!(fold(&call, &Murmur3).unwrap(), [-1_321_691_492; 2]);
    assert_eq!(fold(&call, &Xxh64).unwrap(), [5_602_566_077_635_097_486; 2]);
}

#[test]
fn a_message_is_hashed_with_a_key() {
    assert_answers(&[
        (
            "hex(hmac('key', 'message', 'sha1'))",
            "2088DF74D5F2146B48146CAF4965377E9D0BE3A4",
        ),
        (
            "hex(hmac('key', 'message', 'MD5'))",
            "4E4748E62B463521F6775FBF921234B5",
        ),
        (
            "hex(hmac('key', 'message', 'SHA256'))",
            "6E9EF29B75FFFC5B7ABAE527D58FDADB2FE42E7219011976917343065F58ED4A",
        ),
        (
            "substring(hex(hmac('key', 'message', 'SHA-512')), 1, 16)",
            "E477384D7CA229DD",
        ),
        ("hmac(NULL, 'message')", "NULL"),
        // A key longer than a block is hashed first.
        (
            "hmac(repeat('k', 100), 'm') = hmac(unhex(sha2(repeat('k', 100), 256)), 'm')",
            "true",
        ),
    ]);
    assert_fails(&[(
        "hmac('key', 'message', 'x')",
        "INVALID_PARAMETER_VALUE.HMAC_ALGORITHM",
    )]);
}
