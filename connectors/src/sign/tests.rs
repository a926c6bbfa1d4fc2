//! Signatures against published vectors, and against what OpenSSL makes of the same inputs.

use super::d::{Client, OwnKey};
use super::*;
use base64ct::{Base64, Encoding as _};
use ecb::cipher::block_padding::Pkcs7;
use ecb::cipher::{Block, BlockCipherEncrypt as _, BlockModeEncrypt as _, KeyInit as _};
use serde_json::{Value, json};
use sm2::dsa::signature::Verifier as _;
use sm3::{Digest as _, Sm3};
use sm4::Sm4;

const SECRET: &str = "secret-of-the-test";
const BODY: &[u8] = br#"{"infno":"1101"}"#;

/// Of the example of the standard.
const PRIVATE: &str = "3945208f7b2144b13f36e38ac6d39f95889393692860b51a42fb81ef4df7c5b8";
const PUBLIC: &str = "0409f9df311e5421a150dd7d161e4bc5c672179fad1833fc076bb08ff356f35020\
                      ccea490ce26775a52dc6ea718cc1aa600aed05fbf35e084a6632f6072da9ad13";

#[test]
fn sm3_of_the_standard() {
    // GB/T 32905-2016, appendix A
    let cases = [
        ("abc".to_owned(), "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"),
        ("abcd".repeat(16), "debe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732"),
    ];
    for (message, digest) in cases {
        assert_eq!(Sm3::digest(message.as_bytes()).as_slice(), unhex(digest).unwrap());
    }
}

#[test]
fn sm4_of_the_standard() {
    // GB/T 32907-2016, appendix A: one block, and a million times
    let key = unhex("0123456789abcdeffedcba9876543210").unwrap();
    let cipher = Sm4::new_from_slice(&key).unwrap();
    let mut block = Block::<Sm4>::try_from(&key[..]).unwrap();
    cipher.encrypt_block(&mut block);
    assert_eq!(block.as_slice(), unhex("681edf34d206965e86b3e94f536e4246").unwrap());
    for _ in 1..1_000_000 {
        cipher.encrypt_block(&mut block);
    }
    assert_eq!(block.as_slice(), unhex("595298c7c6fd271f0402f804c33d3f66").unwrap());
}

#[test]
fn sm2_of_the_standard() {
    // GB/T 32918.5-2017, appendix A.2
    let key = public_key("1234567812345678", PUBLIC).unwrap();
    let signature = "f5a03b0648d2c4630eeac513e1bb81a15944da3827d5b74143ac7eaceee720b3\
                     b1b6aa29df212fd8763182bc0d421ca1bb9038fd1f7f42d4840b69c485bbc1aa";
    let signature = sm2::dsa::Signature::from_slice(&unhex(signature).unwrap()).unwrap();
    key.verify(b"message digest", &signature).unwrap();
    assert!(key.verify(b"message digesu", &signature).is_err());
    assert!(public_key("another id of sm", PUBLIC).unwrap().verify(b"message digest", &signature).is_err());
}

fn claim_of(headers: &[(&str, &str)]) -> Result<Option<Claim>, SignError> {
    claim(|name| headers.iter().find(|(n, _)| *n == name).map(|(_, v)| *v))
}

/// Headers of each family that OpenSSL made for the secret and the body.
fn signed() -> Vec<Vec<(&'static str, &'static str)>> {
    vec![
        vec![
            ("_api_access_key", "ak-1"),
            ("_api_name", "2207"),
            ("_api_timestamp", "1767225600123"),
            ("_api_version", "1.0.0"),
            ("_api_signature", "zddU5vmQmNZ6rhQHY14qWJaoOGs="),
        ],
        vec![
            ("x-tif-paasid", "paas-1"),
            ("x-tif-timestamp", "1767225600"),
            ("x-tif-nonce", "nonce-1"),
            ("x-tif-signature", "A8648082c22dd2d651a46ad39a97e8053d4a6fb17b18fa7944ec15c230e2aa94"),
        ],
        vec![
            ("x-ca-key", "H46902100001"),
            ("x-ca-signature", "1767225600:0A344F216C55DD20D5880EE509C4096624CC687AB108C4D870458432C598F169"),
        ],
    ]
}

#[test]
fn what_was_signed_elsewhere_is_accepted() {
    for (headers, family) in signed().into_iter().zip([Family::A, Family::B, Family::C]) {
        let c = claim_of(&headers).unwrap().unwrap();
        assert_eq!(c.family(), family);
        assert_eq!(c.signed_at(), Ok(Some(1_767_225_600)));
        assert_eq!(c.verify(SECRET, BODY), Ok(()), "{family}");
        assert_eq!(c.verify("another secret", BODY), Err(SignError::Mismatch), "{family}");
        assert!(c.nonce(BODY).is_some());
    }
}

#[test]
fn one_changed_byte_of_what_is_signed_is_refused() {
    for headers in signed() {
        let whole = claim_of(&headers).unwrap().unwrap();
        for (i, (name, value)) in headers.iter().enumerate() {
            // who it claims to be chooses the secret; of B and C it is not signed itself
            if matches!(*name, "x-tif-paasid" | "x-ca-key") {
                continue;
            }
            for at in 0..value.len() {
                let mut bytes = value.as_bytes().to_vec();
                bytes[at] = if bytes[at] == b'1' { b'2' } else { b'1' };
                let changed = String::from_utf8(bytes).unwrap();
                let mut headers = headers.clone();
                headers[i].1 = &changed;
                let result = claim_of(&headers).and_then(|c| c.unwrap().verify(SECRET, BODY));
                assert!(result.is_err(), "{name} byte {at}: {changed}");
            }
        }
        // the body is signed by family C only, as the families are defined
        let other = whole.verify(SECRET, br#"{"infno":"1102"}"#);
        assert_eq!(other.is_err(), whole.family() == Family::C, "{whole:?}");
    }
}

#[test]
fn headers_that_are_missing_or_no_such_thing_are_named() {
    assert_eq!(claim_of(&[]), Ok(None));
    for headers in signed() {
        for i in 1..headers.len() {
            let mut headers = headers.clone();
            let (name, _) = headers.remove(i);
            assert_eq!(claim_of(&headers), Err(SignError::Missing(name)));
        }
    }
    let long = "x".repeat(600);
    assert_eq!(claim_of(&[("apikey", &long)]), Err(SignError::Malformed("apikey")));
    assert_eq!(claim_of(&[("authorization", "Basic eDp5")]), Err(SignError::Malformed("authorization")));
    assert_eq!(claim_of(&[("authorization", "bearer  abc ")]), Ok(Some(Claim::Bearer("abc".to_owned()))));
    let c = claim_of(&[("x-ca-key", "H"), ("x-ca-signature", "-5:00")]).unwrap().unwrap();
    assert_eq!(c.signed_at(), Err(SignError::Malformed("x-ca-signature")));
}

const ID: &str = "client-id-000001";

fn client() -> Client<'static> {
    Client { id: ID, public_key: public_key(ID, PUBLIC) }
}

/// What OpenSSL made of `{"data":{"psn_no":"P1","n":1.50}}` with this id and the standard's key.
fn sealed() -> Value {
    json!({
        "infno": "1101", "enc_type": "SM4", "signtype": "SM2",
        "cainfo": "FR3XB7w9h4dmBraAuNRdknWVfRijbh5vG1neYbslV6J6jLHT0fNuQP2rJ3UfguMpHisUamUg6KoKbke+ctzdLg==",
        "input": "lfK7u6E9qSh3i0BG67GNfLnfflHR4ggDLhoHGKUPcRgWfOAv6+T7gphHc73InWLl",
    })
}

#[test]
fn a_sealed_message_is_opened() {
    let (plain, was_sealed) = client().open(sealed().to_string().as_bytes()).unwrap();
    assert!(was_sealed);
    let text = String::from_utf8(plain).unwrap();
    assert!(text.ends_with(r#""input":{"data":{"psn_no":"P1","n":1.50}}}"#), "digit for digit: {text}");
    assert_eq!(serde_json::from_str::<Value>(&text).unwrap()["infno"], json!("1101"));
}

#[test]
fn a_sealed_message_that_was_touched_is_refused() {
    for key in ["cainfo", "input"] {
        let whole = sealed()[key].as_str().unwrap().to_owned();
        for at in 0..whole.len() - 2 {
            let mut bytes = whole.clone().into_bytes();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            let mut message = sealed();
            message[key] = Value::from(String::from_utf8(bytes).unwrap());
            assert!(client().open(message.to_string().as_bytes()).is_err(), "{key} byte {at}");
        }
    }
    let mut plain = sealed();
    plain["enc_type"] = Value::Null;
    assert_eq!(client().open(plain.to_string().as_bytes()).err(), Some(SignError::Plain));
    assert_eq!(client().open(b"no json").err(), Some(SignError::Plain));
    // a client without a public key may also send in the clear
    let open = Client { id: ID, public_key: None };
    assert_eq!(open.open(b"{}").unwrap(), (b"{}".to_vec(), false));
    assert!(open.open(sealed().to_string().as_bytes()).unwrap().1);
    // what may not be parsed is not looked into; it is refused as a message
    let deep = br#"{"$serde_json::private::RawValue":"{\"enc_type\":\"SM4\"}"}"#;
    assert_eq!(open.open(deep).unwrap(), (deep.to_vec(), false));
}

#[test]
fn a_plain_text_cannot_smuggle_fields_into_the_envelope() {
    let open = Client { id: ID, public_key: None };
    for text in [r#"{},"fixmedins_code":"H2""#, "{} {}", "", "[1"] {
        let cipher = ecb::Encryptor::<Sm4>::new_from_slice(ID.as_bytes()).unwrap();
        let input = Base64::encode_string(&cipher.encrypt_padded_vec::<Pkcs7>(text.as_bytes()));
        let message = json!({"enc_type": "SM4", "input": input}).to_string();
        assert_eq!(open.open(message.as_bytes()).err(), Some(SignError::Decrypt), "{text}");
    }
}

#[test]
fn answers_are_sealed_the_same_way() {
    let own = OwnKey::new(unhex(PRIVATE).unwrap().try_into().unwrap()).unwrap();
    assert_eq!(own.public(), PUBLIC);
    let answer = json!({"infcode": 0, "output": {"setl_id": "S1"}}).to_string().into_bytes();
    let sealed: Value = serde_json::from_slice(&client().seal(answer.clone(), Some(&own))).unwrap();
    assert_eq!((&sealed["enc_type"], &sealed["infcode"]), (&json!("SM4"), &json!(0)));
    // the client opens it with the agency's public key as it would any message
    let message = json!({"enc_type": "SM4", "input": sealed["output"], "cainfo": sealed["cainfo"]}).to_string();
    let (plain, _) = client().open(message.as_bytes()).unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&plain).unwrap()["input"], json!({"setl_id": "S1"}));
    let refusal = json!({"infcode": -1, "output": null}).to_string().into_bytes();
    assert_eq!(client().seal(refusal.clone(), Some(&own)), refusal, "nothing to seal");
    let unsigned: Value = serde_json::from_slice(&client().seal(answer, None)).unwrap();
    assert_eq!(unsigned.get("cainfo"), None);
}
