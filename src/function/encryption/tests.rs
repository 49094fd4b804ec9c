use crate::function::testing::{answer, assert_answers, assert_fails};

const KEY: &str = "'abcdefghijklmnop12345678ABCDEFGH'";

#[test]
fn texts_are_encrypted_as_spark_does() {
    let zeros = "unhex('00000000000000000000000000000000')";
    assert_answers(&[
        (
            "hex(aes_encrypt('Spark', '0000111122223333', 'GCM', 'DEFAULT', unhex('000000000000000000000000')))",
            "00000000000000000000000046C4EF1C6A7041A6BEAD289645459AF972E4153D03",
        ),
        (
            &format!("base64(aes_encrypt('Spark', {KEY}, 'CBC', 'DEFAULT', {zeros}))"),
            "AAAAAAAAAAAAAAAAAAAAAPSd4mWyMZ5mhvjiAPQJnfg=",
        ),
        (
            &format!(
                "base64(aes_encrypt('Spark', {KEY}, 'GCM', 'DEFAULT', unhex('000000000000000000000000'), 'This is an AAD mixed into the input'))"
            ),
            "AAAAAAAAAAAAAAAAQiYi+sTLm7KD9UcZ2nlRdYDe/PX4",
        ),
        (
            "base64(aes_encrypt('Spark SQL', '1234567890abcdef', 'ECB', 'PKCS'))",
            "3lmwu+Mw0H3fi5NDvcu9lg==",
        ),
        ("aes_encrypt(NULL, '0000111122223333')", "NULL"),
    ]);
}

#[test]
fn what_was_encrypted_is_decrypted() {
    for mode in ["GCM", "CBC", "ECB"] {
        for key in [
            "0000111122223333",
            "000011112222333344445555",
            "00001111222233334444555566667777",
        ] {
            for length in [0, 1, 15, 16, 17, 100] {
                let sql = format!(
                    "CAST(aes_decrypt(aes_encrypt(repeat('x', {length}), '{key}', '{mode}'), '{key}', '{mode}') AS STRING)"
                );
                assert_eq!(answer(&sql).unwrap(), "x".repeat(length), "{sql}");
            }
        }
    }
    let two = answer("aes_encrypt('a', '0000111122223333') = aes_encrypt('a', '0000111122223333')");
    assert_eq!(two.unwrap(), "false");
}

#[test]
fn what_cannot_be_encrypted_or_decrypted_is_refused() {
    let crypto = "INVALID_PARAMETER_VALUE.AES_CRYPTO_ERROR";
    assert_fails(&[
        (
            "aes_encrypt('Spark', 'short')",
            "INVALID_PARAMETER_VALUE.AES_KEY_LENGTH",
        ),
        (
            "aes_encrypt('Spark', '0000111122223333', 'XYZ')",
            "UNSUPPORTED_FEATURE.AES_MODE",
        ),
        (
            "aes_encrypt('Spark', '0000111122223333', 'GCM', 'PKCS')",
            "UNSUPPORTED_FEATURE.AES_MODE",
        ),
        (
            "aes_encrypt('Spark', '0000111122223333', 'CBC', 'DEFAULT', unhex('00'))",
            "INVALID_PARAMETER_VALUE.AES_IV_LENGTH",
        ),
        (
            "aes_encrypt('Spark', '0000111122223333', 'ECB', 'DEFAULT', unhex('00'))",
            "UNSUPPORTED_FEATURE.AES_MODE_IV",
        ),
        (
            "aes_encrypt('Spark', '0000111122223333', 'CBC', 'DEFAULT', unhex(repeat('0', 32)), 'aad')",
            "UNSUPPORTED_FEATURE.AES_MODE_AAD",
        ),
        ("aes_decrypt(x'01', '0000111122223333', 'ECB')", crypto),
        ("aes_decrypt(x'01', '0000111122223333')", crypto),
        (
            "aes_decrypt(unhex('83F16B2AA704794132802D248E6BFD4E380078182D1544813898AC97E709B28A94'), '0000111122223334')",
            crypto,
        ),
    ]);
    assert_answers(&[("try_aes_decrypt(x'01', '0000111122223333')", "NULL")]);
}
