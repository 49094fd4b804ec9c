//! The loop against doubles that count every effect: what it promises in calm, after errors, and after crashes anywhere.

mod crash;
pub(crate) mod doubles;
mod protocol;
