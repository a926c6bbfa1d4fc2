//! Family D: the input encrypted by SM4 (ECB, PKCS#7; the key is the client's id) and signed by SM2 with SM3 (raw
//! r‖s, user id = the client's id), the answer likewise. ECB hides little and the key is no secret: it is what the
//! family prescribes, and no reason to do without TLS.

use super::{SignError, unhex};
use crate::fsi::scan;
use base64ct::{Base64, Encoding as _};
use ecb::cipher::block_padding::Pkcs7;
use ecb::cipher::{BlockModeDecrypt as _, BlockModeEncrypt as _, KeyInit as _};
use serde::de::IgnoredAny;
use serde_json::{Map, Value};
use sm2::dsa::signature::{Signer as _, Verifier as _};
use sm2::dsa::{Signature, SigningKey, VerifyingKey};
use sm4::Sm4;

/// A client's public key: an uncompressed point in hexadecimal.
pub fn public_key(id: &str, point: &str) -> Option<VerifyingKey> {
    VerifyingKey::from_sec1_bytes(id, &unhex(point)?).ok()
}

/// The agency's own key, by which answers to a client are signed.
pub struct OwnKey([u8; 32]);

impl OwnKey {
    /// Of 32 bytes; none where they are no key (out of range, one case in four billion).
    pub fn new(bytes: [u8; 32]) -> Option<Self> {
        SigningKey::from_slice("probe", &bytes).ok().map(|_| Self(bytes))
    }

    fn of(&self, client: &str) -> Option<SigningKey> {
        SigningKey::from_slice(client, &self.0).ok()
    }

    /// The public half, an uncompressed point in hexadecimal, to be given to clients.
    pub fn public(&self) -> String {
        let key = SigningKey::from_slice("probe", &self.0);
        let point = key.map(|k| k.verifying_key().to_sec1_bytes()).unwrap_or_default();
        point.iter().map(|b| format!("{b:02x}")).collect()
    }
}

/// A client.
pub struct Client<'a> {
    /// Its id: also the key of SM4 (16 bytes) and the user id of SM2.
    pub id: &'a str,
    /// Its public key; where there is one, every message must be encrypted and signed.
    pub public_key: Option<VerifyingKey>,
}

impl Client<'_> {
    fn decrypt(&self, text: &str) -> Option<Vec<u8>> {
        let bytes = Base64::decode_vec(text.trim()).ok()?;
        let cipher = ecb::Decryptor::<Sm4>::new_from_slice(self.id.as_bytes()).ok()?;
        cipher.decrypt_padded_vec::<Pkcs7>(&bytes).ok()
    }

    fn encrypt(&self, plain: &[u8]) -> Option<String> {
        let cipher = ecb::Encryptor::<Sm4>::new_from_slice(self.id.as_bytes()).ok()?;
        Some(Base64::encode_string(&cipher.encrypt_padded_vec::<Pkcs7>(plain)))
    }

    /// The message in the clear, and whether it was encrypted. A message that is not encrypted comes back as it is.
    ///
    /// # Errors
    /// Where it does not decrypt, or its signature does not hold.
    pub fn open(&self, body: &[u8]) -> Result<(Vec<u8>, bool), SignError> {
        let plain = if self.public_key.is_some() { Err(SignError::Plain) } else { Ok((body.to_vec(), false)) };
        if !scan::is_bounded(body) {
            return plain;
        }
        let Ok(Value::Object(mut root)) = serde_json::from_slice::<Value>(body) else { return plain };
        let word = |root: &Map<String, Value>, key: &str| root.get(key).and_then(Value::as_str).map(str::to_owned);
        if !word(&root, "enc_type").is_some_and(|t| t.eq_ignore_ascii_case("SM4")) {
            return plain;
        }
        let sealed = word(&root, "input").ok_or(SignError::Decrypt)?;
        let input = self.decrypt(&sealed).ok_or(SignError::Decrypt)?;
        if let Some(key) = &self.public_key {
            let given = word(&root, "cainfo").ok_or(SignError::Missing("cainfo"))?;
            let given = Base64::decode_vec(given.trim()).map_err(|_| SignError::Malformed("cainfo"))?;
            let given = Signature::from_slice(&given).map_err(|_| SignError::Malformed("cainfo"))?;
            key.verify(&input, &given).map_err(|_| SignError::Mismatch)?;
        }
        // it goes into the envelope as it is, digits and all, so it must be one whole value and nothing more
        serde_json::from_slice::<IgnoredAny>(&input).map_err(|_| SignError::Decrypt)?;
        root.remove("input");
        let mut out = serde_json::to_vec(&root).map_err(|_| SignError::Decrypt)?;
        out.pop();
        if !root.is_empty() {
            out.push(b',');
        }
        out.extend_from_slice(b"\"input\":");
        out.extend_from_slice(&input);
        out.push(b'}');
        Ok((out, true))
    }

    /// An answer as this client reads it: its output encrypted, and signed by the agency.
    pub fn seal(&self, answer: Vec<u8>, own: Option<&OwnKey>) -> Vec<u8> {
        let Ok(Value::Object(mut root)) = serde_json::from_slice::<Value>(&answer) else { return answer };
        let Some(output) = root.remove("output").filter(|o| !o.is_null()) else { return answer };
        let plain = output.to_string();
        let Some(sealed) = self.encrypt(plain.as_bytes()) else { return answer };
        if let Some(key) = own.and_then(|k| k.of(self.id)) {
            let signature: Signature = key.sign(plain.as_bytes());
            root.insert("cainfo".to_owned(), Value::from(Base64::encode_string(&signature.to_bytes())));
            root.insert("signtype".to_owned(), Value::from("SM2"));
        }
        root.insert("output".to_owned(), Value::from(sealed));
        root.insert("enc_type".to_owned(), Value::from("SM4"));
        serde_json::to_vec(&root).unwrap_or(answer)
    }
}
