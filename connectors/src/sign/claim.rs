//! What the headers of a message claim, and whether it fits.

use super::{Family, SignError, unhex};
use base64ct::{Base64, Encoding as _};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha1::Sha1;
use sha2::{Digest as _, Sha256};
use sm3::Sm3;
use subtle::ConstantTimeEq as _;

/// Longest header that is looked at.
const LONGEST: usize = 512;

/// What the headers of a message claim: who sent it, and the proof.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claim {
    /// Hunan's gateway.
    A {
        /// `_api_access_key`.
        key: String,
        /// `_api_name`: the `infno` that was signed.
        name: String,
        /// `_api_version`.
        version: String,
        /// `_api_timestamp`, milliseconds.
        timestamp: String,
        /// `_api_signature`.
        signature: String,
    },
    /// Shenzhen, Hebei, Inner Mongolia.
    B {
        /// `x-tif-paasid`.
        key: String,
        /// `x-tif-timestamp`, seconds.
        timestamp: String,
        /// `x-tif-nonce`.
        nonce: String,
        /// `x-tif-signature`.
        signature: String,
    },
    /// Zhejiang.
    C {
        /// `x-ca-key`: the institution.
        institution: String,
        /// The seconds before the colon of `x-ca-signature`.
        timestamp: String,
        /// What stands behind it.
        signature: String,
    },
    /// A key or token by itself.
    Bearer(String),
}

/// Reads the headers. `header` gives the value of one by its lower-case name.
///
/// # Errors
/// Where a family is begun and a header of it is missing or not to be read.
pub fn claim<'h>(header: impl Fn(&str) -> Option<&'h str>) -> Result<Option<Claim>, SignError> {
    let need = |name: &'static str| match header(name) {
        None | Some("") => Err(SignError::Missing(name)),
        Some(v) if v.len() > LONGEST => Err(SignError::Malformed(name)),
        Some(v) => Ok(v.to_owned()),
    };
    if header("_api_access_key").is_some() || header("_api_signature").is_some() {
        return Ok(Some(Claim::A {
            key: need("_api_access_key")?,
            name: need("_api_name")?,
            version: need("_api_version")?,
            timestamp: need("_api_timestamp")?,
            signature: need("_api_signature")?,
        }));
    }
    if header("x-tif-paasid").is_some() || header("x-tif-signature").is_some() {
        return Ok(Some(Claim::B {
            key: need("x-tif-paasid")?,
            timestamp: need("x-tif-timestamp")?,
            nonce: need("x-tif-nonce")?,
            signature: need("x-tif-signature")?,
        }));
    }
    if header("x-ca-key").is_some() || header("x-ca-signature").is_some() {
        let institution = need("x-ca-key")?;
        let both = need("x-ca-signature")?;
        let (timestamp, signature) = both.split_once(':').ok_or(SignError::Malformed("x-ca-signature"))?;
        let (timestamp, signature) = (timestamp.to_owned(), signature.to_owned());
        return Ok(Some(Claim::C { institution, timestamp, signature }));
    }
    if let Some(value) = header("authorization") {
        let token = value.get(..7).filter(|s| s.eq_ignore_ascii_case("bearer ")).and_then(|_| value.get(7..));
        let token = token.map(str::trim).filter(|t| !t.is_empty() && t.len() <= LONGEST);
        return Ok(Some(Claim::Bearer(token.ok_or(SignError::Malformed("authorization"))?.to_owned())));
    }
    match header("apikey") {
        None => Ok(None),
        Some(_) => Ok(Some(Claim::Bearer(need("apikey")?))),
    }
}

impl Claim {
    /// Its family; a bearer may also be a token of family D.
    pub fn family(&self) -> Family {
        match self {
            Self::A { .. } => Family::A,
            Self::B { .. } => Family::B,
            Self::C { .. } => Family::C,
            Self::Bearer(_) => Family::Bearer,
        }
    }

    /// When it was signed, in seconds since 1970; none where nothing says so.
    ///
    /// # Errors
    /// Where that is not a number.
    pub fn signed_at(&self) -> Result<Option<i64>, SignError> {
        let number = |t: &str| t.bytes().all(|b| b.is_ascii_digit()).then(|| t.parse::<i64>().ok()).flatten();
        Ok(Some(match self {
            Self::A { timestamp, .. } => number(timestamp).ok_or(SignError::Malformed("_api_timestamp"))? / 1000,
            Self::B { timestamp, .. } => number(timestamp).ok_or(SignError::Malformed("x-tif-timestamp"))?,
            Self::C { timestamp, .. } => number(timestamp).ok_or(SignError::Malformed("x-ca-signature"))?,
            Self::Bearer(_) => return Ok(None),
        }))
    }

    /// What may come once only from one key. A message that is sent again is signed again, with another time stamp.
    /// Where the nonce does not stand in a header, it is the signature, and in family A, whose signature does not
    /// know the message, message and signature together.
    pub fn nonce(&self, body: &[u8]) -> Option<String> {
        let hash = |parts: [&[u8]; 2]| {
            let mut h = Sha256::new();
            parts.iter().for_each(|p| h.update(p));
            h.finalize().iter().map(|b| format!("{b:02x}")).collect::<String>()
        };
        match self {
            Self::A { signature, .. } => Some(hash([signature.as_bytes(), body])),
            Self::B { nonce, .. } => Some(hash([nonce.as_bytes(), b""])),
            Self::C { timestamp, .. } => Some(hash([timestamp.as_bytes(), body])),
            Self::Bearer(_) => None,
        }
    }

    /// Whether the proof fits the secret; the comparison takes the same time wherever it fails.
    ///
    /// # Errors
    /// Where it does not.
    pub fn verify(&self, secret: &str, body: &[u8]) -> Result<(), SignError> {
        let secret = secret.as_bytes();
        let fits = match self {
            Self::A { key, name, version, timestamp, signature } => {
                let given = Base64::decode_vec(signature.trim()).map_err(|_| SignError::Malformed("_api_signature"))?;
                let Ok(mut mac) = Hmac::<Sha1>::new_from_slice(secret) else { return Err(SignError::Mismatch) };
                // the four headers in the order of their names
                let signed =
                    format!("_api_access_key={key}&_api_name={name}&_api_timestamp={timestamp}&_api_version={version}");
                mac.update(signed.as_bytes());
                mac.verify_slice(&given).is_ok()
            }
            Self::B { timestamp, nonce, signature, .. } => {
                let given = unhex(signature).ok_or(SignError::Malformed("x-tif-signature"))?;
                let mut h = Sha256::new();
                for part in [timestamp.as_bytes(), secret, nonce.as_bytes(), timestamp.as_bytes()] {
                    h.update(part);
                }
                h.finalize().as_slice().ct_eq(&given).into()
            }
            Self::C { timestamp, signature, .. } => {
                let given = unhex(signature).ok_or(SignError::Malformed("x-ca-signature"))?;
                let Ok(mut mac) = Hmac::<Sm3>::new_from_slice(secret) else { return Err(SignError::Mismatch) };
                mac.update(timestamp.as_bytes());
                mac.update(b"\n");
                mac.update(body);
                mac.verify_slice(&given).is_ok()
            }
            Self::Bearer(token) => token.as_bytes().ct_eq(secret).into(),
        };
        if fits { Ok(()) } else { Err(SignError::Mismatch) }
    }
}
