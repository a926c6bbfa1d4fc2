//! Secrets: made at random, shown once, kept as hashes; those that a signature needs are derived from one master
//! secret, which stands in a file and not in the books.

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use std::io::Write as _;
use std::path::Path;
use subtle::ConstantTimeEq;

/// Shortest password.
pub const PASSWORD_MIN: usize = 12;

/// Longest password: hashing takes time in proportion.
pub const PASSWORD_MAX: usize = 256;

/// Why a secret cannot be made or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SecretError {
    /// The system gives no random bytes.
    #[error("the system gives no random bytes: {0}")]
    Random(String),
    /// A password too short or too long.
    #[error("a password has {PASSWORD_MIN} to {PASSWORD_MAX} bytes")]
    Length,
    /// Argon2 failed.
    #[error("the password cannot be hashed: {0}")]
    Hash(String),
    /// The master secret's file.
    #[error("master secret `{path}`: {reason}")]
    Master {
        /// The file.
        path: String,
        /// Why.
        reason: String,
    },
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

fn random<const N: usize>() -> Result<[u8; N], SecretError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|e| SecretError::Random(e.to_string()))?;
    Ok(bytes)
}

/// 256 random bits, in hexadecimal.
pub fn token() -> Result<String, SecretError> {
    Ok(hex(&random::<32>()?))
}

/// A short random name.
pub fn short_id() -> Result<String, SecretError> {
    Ok(hex(&random::<8>()?))
}

/// A password somebody can type: 100 random bits in letters and digits that are not mistaken for each other.
pub fn password() -> Result<String, SecretError> {
    const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let letters = random::<20>()?.map(|b| char::from(LETTERS[usize::from(b % 32)]));
    let groups: Vec<String> = letters.chunks(5).map(|g| g.iter().collect()).collect();
    Ok(groups.join("-"))
}

/// SHA-256 in hexadecimal: enough for a secret of 256 random bits.
pub fn hash(secret: &str) -> String {
    hex(&Sha256::digest(secret.as_bytes()))
}

/// Whether two texts are the same, in a time that does not say where they differ.
pub fn same(a: &str, b: &str) -> bool {
    a.as_bytes().ct_eq(b.as_bytes()).into()
}

/// Argon2id of a password, with a salt of its own.
pub fn hash_password(password: &str) -> Result<String, SecretError> {
    if !(PASSWORD_MIN..=PASSWORD_MAX).contains(&password.len()) {
        return Err(SecretError::Length);
    }
    let hash = Argon2::default().hash_password(password.as_bytes()).map_err(|e| SecretError::Hash(e.to_string()))?;
    Ok(hash.to_string())
}

/// Whether a password is the one of a hash. Takes the same time where there is no hash to compare with.
pub fn password_fits(password: &str, hash: Option<&str>) -> bool {
    // argon2id of a random text nobody kept, with the default costs
    const NOBODY: &str =
        "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$1gYsUJn0kYeYJSm2yVLQp8rGXz6m4Ck2kFb2zYbBPO0";
    if password.len() > PASSWORD_MAX {
        return false;
    }
    let Ok(parsed) = PasswordHash::new(hash.unwrap_or(NOBODY)) else { return false };
    let fits = Argon2::default().verify_password(password.as_bytes(), &parsed).is_ok();
    fits && hash.is_some()
}

/// The secret that those of signing keys are derived from.
#[derive(Clone)]
pub struct Master([u8; 32]);

impl Master {
    /// Reads the file; where `make` says so and there is none, makes it, readable by its owner only.
    pub fn open(path: &Path, make: bool) -> Result<Self, SecretError> {
        let failed = |reason: String| SecretError::Master { path: path.display().to_string(), reason };
        match std::fs::read_to_string(path) {
            Ok(text) => {
                let text = text.trim();
                let byte = |i: usize| text.get(i..i + 2).and_then(|h| u8::from_str_radix(h, 16).ok());
                let bytes: Option<Vec<u8>> = (0..text.len()).step_by(2).map(byte).collect();
                let bytes: Option<[u8; 32]> = bytes.and_then(|b| b.try_into().ok());
                bytes.map(Self).ok_or_else(|| failed("must hold 64 hexadecimal digits".to_owned()))
            }
            Err(e) if e.kind() == std::io::ErrorKind::NotFound && make => {
                let bytes = random::<32>()?;
                let mut options = std::fs::OpenOptions::new();
                options.write(true).create_new(true);
                #[cfg(unix)]
                std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
                let mut file = options.open(path).map_err(|e| failed(e.to_string()))?;
                file.write_all(format!("{}\n", hex(&bytes)).as_bytes())
                    .and_then(|()| file.sync_all())
                    .map_err(|e| failed(e.to_string()))?;
                Ok(Self(bytes))
            }
            Err(e) => Err(failed(e.to_string())),
        }
    }

    /// 32 bytes for a purpose.
    pub fn derive(&self, purpose: &str) -> [u8; 32] {
        // a key of any length will do, so this does not fail
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.0) else { return [0; 32] };
        mac.update(b"dingan ");
        mac.update(purpose.as_bytes());
        mac.finalize().into_bytes().into()
    }

    /// The secret of a signing key, in hexadecimal.
    pub fn secret_of(&self, key: &str) -> String {
        hex(&self.derive(&format!("signing key {key}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_fit_their_own_hash_only() {
        let hash = hash_password("correct horse").unwrap();
        assert!(hash.starts_with("$argon2id$v=19$"), "{hash}");
        assert_ne!(hash, hash_password("correct horse").unwrap(), "each has a salt of its own");
        assert!(password_fits("correct horse", Some(&hash)));
        assert!(!password_fits("correct horsf", Some(&hash)));
        assert!(!password_fits("correct horse", None));
        assert!(!password_fits("correct horse", Some("nonsense")));
        assert!(matches!(hash_password("short"), Err(SecretError::Length)));
    }

    #[test]
    fn a_master_secret_is_made_once_and_read_again() {
        let folder = std::env::temp_dir().join(format!("dingan-master-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let file = folder.join("master.key");
        let _ = std::fs::remove_file(&file);
        assert!(Master::open(&file, false).is_err());
        let made = Master::open(&file, true).unwrap();
        let read = Master::open(&file, true).unwrap();
        assert_eq!(made.secret_of("a"), read.secret_of("a"));
        assert_ne!(made.secret_of("a"), made.secret_of("b"));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        }
        std::fs::write(&file, "ab").unwrap();
        assert!(Master::open(&file, true).is_err());
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn made_passwords_can_be_typed_and_are_long_enough() {
        let p = password().unwrap();
        assert_eq!(p.len(), 23);
        assert!(hash_password(&p).is_ok());
        assert_ne!(p, password().unwrap());
    }
}
