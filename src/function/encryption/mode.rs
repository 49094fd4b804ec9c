//! The modes ECB, CBC and GCM (NIST SP 800-38A and 38D) over the block cipher AES.

use aes::cipher::{BlockCipherDecrypt, BlockCipherEncrypt, KeyInit};
use aes::{Aes128, Aes192, Aes256};

/// Bytes of a block.
pub(super) const BLOCK: usize = 16;
/// Bytes of the initialization vector of GCM.
pub(super) const GCM_VECTOR: usize = 12;
/// Bytes of the tag of GCM.
const TAG: usize = 16;

type Block = [u8; BLOCK];

/// How blocks are chained.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Gcm,
    Cbc,
    Ecb,
}

/// AES with a key.
pub(super) enum Cipher {
    Aes128(Box<Aes128>),
    Aes192(Box<Aes192>),
    Aes256(Box<Aes256>),
}

impl Cipher {
    /// `None`, if no key has so many bytes.
    pub(super) fn new(key: &[u8]) -> Option<Cipher> {
        Some(match key.len() {
            16 => Cipher::Aes128(Box::new(Aes128::new_from_slice(key).ok()?)),
            24 => Cipher::Aes192(Box::new(Aes192::new_from_slice(key).ok()?)),
            32 => Cipher::Aes256(Box::new(Aes256::new_from_slice(key).ok()?)),
            _ => return None,
        })
    }

    fn encrypt_block(&self, block: Block) -> Block {
        let mut block = block.into();
        match self {
            Cipher::Aes128(cipher) => cipher.encrypt_block(&mut block),
            Cipher::Aes192(cipher) => cipher.encrypt_block(&mut block),
            Cipher::Aes256(cipher) => cipher.encrypt_block(&mut block),
        }
        block.into()
    }

    fn decrypt_block(&self, block: Block) -> Block {
        let mut block = block.into();
        match self {
            Cipher::Aes128(cipher) => cipher.decrypt_block(&mut block),
            Cipher::Aes192(cipher) => cipher.decrypt_block(&mut block),
            Cipher::Aes256(cipher) => cipher.decrypt_block(&mut block),
        }
        block.into()
    }

    /// Appends the encrypted text, and for GCM the tag. The vector has the length its mode asks for.
    #[expect(clippy::too_many_arguments, reason = "what a cipher takes")]
    pub(super) fn encrypt(
        &self,
        mode: Mode,
        vector: &[u8],
        additional: &[u8],
        text: &[u8],
        out: &mut Vec<u8>,
    ) {
        if mode == Mode::Gcm {
            let start = out.len();
            self.count(vector, text, out);
            let tag = self.tag(vector, additional, out.get(start..).unwrap_or_default());
            out.extend(tag);
            return;
        }
        let mut previous = match mode {
            Mode::Cbc => block_of(vector),
            _ => [0; BLOCK],
        };
        for block in padded(text) {
            let input = match mode {
                Mode::Cbc => xor(block, previous),
                _ => block,
            };
            previous = self.encrypt_block(input);
            out.extend(previous);
        }
    }

    /// The text; `None` if the bytes are not of this key, vector and mode.
    pub(super) fn decrypt(
        &self,
        mode: Mode,
        vector: &[u8],
        additional: &[u8],
        bytes: &[u8],
    ) -> Option<Vec<u8>> {
        let mut text = Vec::with_capacity(bytes.len());
        if mode == Mode::Gcm {
            let (encrypted, tag) = bytes.split_at_checked(bytes.len().checked_sub(TAG)?)?;
            let own = self.tag(vector, additional, encrypted);
            // As long for every tag that is wrong.
            let differs = own
                .iter()
                .zip(tag)
                .fold(0, |differs, (own, given)| differs | (own ^ given));
            if differs != 0 {
                return None;
            }
            self.count(vector, encrypted, &mut text);
            return Some(text);
        }
        if bytes.is_empty() || !bytes.len().is_multiple_of(BLOCK) {
            return None;
        }
        let mut previous = block_of(vector);
        for block in bytes.chunks_exact(BLOCK).map(block_of) {
            let decrypted = self.decrypt_block(block);
            text.extend(match mode {
                Mode::Cbc => xor(decrypted, previous),
                _ => decrypted,
            });
            previous = block;
        }
        unpadded(text)
    }

    /// Appends the bytes, combined with the encrypted counter: one and the same in both directions.
    fn count(&self, vector: &[u8], bytes: &[u8], out: &mut Vec<u8>) {
        for (counter, chunk) in (2_u32..).zip(bytes.chunks(BLOCK)) {
            let pad = self.encrypt_block(counted(vector, counter));
            out.extend(chunk.iter().zip(pad).map(|(byte, pad)| byte ^ pad));
        }
    }

    /// The tag of GCM: the hash of additional data and encrypted text, hidden by the first counter.
    fn tag(&self, vector: &[u8], additional: &[u8], encrypted: &[u8]) -> [u8; TAG] {
        let key = u128::from_be_bytes(self.encrypt_block([0; BLOCK]));
        let bits = |bytes: &[u8]| (bytes.len() as u128) * 8;
        let lengths = bits(additional) << 64 | bits(encrypted);
        let hash = additional
            .chunks(BLOCK)
            .chain(encrypted.chunks(BLOCK))
            .map(|chunk| u128::from_be_bytes(block_of(chunk)))
            .chain([lengths])
            .fold(0, |hash, block| multiply(hash ^ block, key));
        let mask = u128::from_be_bytes(self.encrypt_block(counted(vector, 1)));
        (hash ^ mask).to_be_bytes()
    }
}

/// The vector with a counter behind it.
fn counted(vector: &[u8], counter: u32) -> Block {
    let mut block = block_of(vector);
    for (place, byte) in block.iter_mut().skip(GCM_VECTOR).zip(counter.to_be_bytes()) {
        *place = byte;
    }
    block
}

/// The product in the field of GCM, whose bits are in the order from the highest.
fn multiply(left: u128, right: u128) -> u128 {
    const POLYNOMIAL: u128 = 0xE1 << 120;
    let (mut product, mut power) = (0, right);
    for bit in (0..128).rev() {
        // Masks instead of branches: the time must not tell the key.
        product ^= power & (left >> bit & 1).wrapping_neg();
        power = power >> 1 ^ POLYNOMIAL & (power & 1).wrapping_neg();
    }
    product
}

/// Up to a block of bytes, filled up with zeros.
fn block_of(bytes: &[u8]) -> Block {
    let mut block = [0; BLOCK];
    for (place, byte) in block.iter_mut().zip(bytes) {
        *place = *byte;
    }
    block
}

fn xor(left: Block, right: Block) -> Block {
    let mut out = left;
    for (place, byte) in out.iter_mut().zip(right) {
        *place ^= byte;
    }
    out
}

/// The blocks of a text, the last filled up with as many bytes as are missing, each of that value: always at least one.
fn padded(text: &[u8]) -> impl Iterator<Item = Block> {
    let missing = BLOCK - text.len() % BLOCK;
    let fill = u8::try_from(missing).unwrap_or_default();
    let mut bytes = text.to_vec();
    bytes.resize(text.len() + missing, fill);
    let blocks: Vec<Block> = bytes.chunks_exact(BLOCK).map(block_of).collect();
    blocks.into_iter()
}

fn unpadded(mut text: Vec<u8>) -> Option<Vec<u8>> {
    let fill = *text.last()?;
    let count = usize::from(fill);
    let length = text.len().checked_sub(count)?;
    let is_padding =
        (1..=BLOCK).contains(&count) && text.get(length..)?.iter().all(|byte| *byte == fill);
    text.truncate(length);
    is_padding.then_some(text)
}
