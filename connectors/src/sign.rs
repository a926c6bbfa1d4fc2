//! How hospitals prove who they are: the families of signatures that provinces use in front of the same interface.
//!
//! | family | what is signed | with |
//! |---|---|---|
//! | A | the header fields `_api_*`, not the body | HMAC-SHA1 |
//! | B | time stamp and nonce, not the body | SHA-256 over the secret between them |
//! | C | time stamp and body | HMAC-SM3 |
//! | D | a token from `/auth/oauth/token`; the input encrypted by SM4 and signed by SM2 | [`d`] |
//! | Bearer | nothing: the key itself is sent | |
//!
//! Where the body is not signed (A, B, Bearer), only TLS or a line of one's own protects it. Nothing here knows keys,
//! clocks or what was seen before: the caller brings them.

mod claim;
pub mod d;
#[cfg(test)]
mod tests;

pub use claim::{Claim, claim};
pub use d::public_key;

use std::fmt;

/// A family of signatures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Family {
    /// `_api_signature`.
    A,
    /// `x-tif-signature`.
    B,
    /// `x-ca-signature`.
    C,
    /// OAuth token, SM2 and SM4.
    D,
    /// `Authorization: Bearer` or `apikey`.
    #[default]
    Bearer,
}

impl Family {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::A, Self::B, Self::C, Self::D, Self::Bearer];

    /// As it is stored and typed.
    pub fn word(self) -> &'static str {
        match self {
            Self::A => "a",
            Self::B => "b",
            Self::C => "c",
            Self::D => "d",
            Self::Bearer => "bearer",
        }
    }

    /// By its word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|f| f.word().eq_ignore_ascii_case(word))
    }

    /// Whether the receiver must know the secret itself, not only a hash of it.
    pub fn derived(self) -> bool {
        matches!(self, Self::A | Self::B | Self::C)
    }

    /// How far a time stamp may lie from the receiver's clock, in seconds, where nothing else is set.
    pub fn window(self) -> i64 {
        match self {
            Self::A => 30 * 60,
            _ => 5 * 60,
        }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// Why a signature does not hold. The texts hold nothing of what was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SignError {
    /// A header is missing.
    Missing(&'static str),
    /// A header cannot be read.
    Malformed(&'static str),
    /// Signed too long ago, or by a clock that is ahead.
    Clock,
    /// It does not fit.
    Mismatch,
    /// It came before.
    Replayed,
    /// The input cannot be decrypted.
    Decrypt,
    /// The input is not encrypted and signed, though this key requires it.
    Plain,
}

impl SignError {
    /// A stable code.
    pub fn code(self) -> &'static str {
        match self {
            Self::Missing(_) => "SIGNATURE_MISSING",
            Self::Malformed(_) => "SIGNATURE_MALFORMED",
            Self::Clock => "SIGNATURE_CLOCK",
            Self::Mismatch => "SIGNATURE_MISMATCH",
            Self::Replayed => "SIGNATURE_REPLAYED",
            Self::Decrypt => "DECRYPT_FAILED",
            Self::Plain => "NOT_ENCRYPTED",
        }
    }

    /// For the hospital.
    pub fn message(self) -> String {
        match self {
            Self::Missing(h) => format!("缺少请求头{h}"),
            Self::Malformed(h) => format!("请求头{h}格式不正确"),
            Self::Clock => "签名时间戳超出允许范围".to_owned(),
            Self::Mismatch => "签名不正确".to_owned(),
            Self::Replayed => "该签名已使用过".to_owned(),
            Self::Decrypt => "报文input解密失败".to_owned(),
            Self::Plain => "该密钥要求input加密并签名".to_owned(),
        }
    }

    /// What to do.
    pub fn hint(self) -> &'static str {
        match self {
            Self::Missing(_) | Self::Malformed(_) => "请按接口规范填写签名请求头",
            Self::Clock => "请校准本机时钟后重新签名",
            Self::Mismatch => "请核对密钥、签名算法和参与签名的内容",
            Self::Replayed => "重发报文时请使用新的时间戳和随机数重新签名，msgid保持不变",
            Self::Decrypt => "请核对SM4密钥、ECB模式与PKCS7填充、base64编码",
            Self::Plain => "请将enc_type设为SM4，input加密，cainfo填写SM2签名",
        }
    }
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) || !text.is_ascii() {
        return None;
    }
    let digit = |b: &u8| char::from(*b).to_digit(16).and_then(|d| u8::try_from(d).ok());
    text.as_bytes().chunks(2).map(|p| Some(digit(p.first()?)? << 4 | digit(p.get(1)?)?)).collect()
}
