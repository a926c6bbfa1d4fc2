//! Messages signed as each family signs them: accepted as they are, refused when touched, late, or sent again.

use crate::access::{Office, call};
use crate::store_of_a_test::Place;
use base64ct::{Base64, Encoding as _};
use dingan::demo::Hospital;
use dingan::serve::now;
use dingan_core::bundle::Institution;
use dingan_http::access::NewKey;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha1::Sha1;
use sha2::{Digest as _, Sha256};
use sm3::Sm3;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};

const PATH: &str = "/fsi/api/rsfComIfsService/callService";

type Headers = Vec<(&'static str, String)>;

fn unix() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    since.as_secs().try_into().unwrap()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

static NONCE: AtomicU32 = AtomicU32::new(1);

/// A hospital that signs.
struct Signer {
    family: dingan_connectors::sign::Family,
    key: String,
    secret: String,
    institution: Institution,
}

impl Signer {
    fn new(office: &Office, family: &str) -> Self {
        let family = dingan_connectors::sign::Family::parse(family).unwrap();
        let institution = office.county.reference.institutions[0].clone();
        let new = NewKey {
            institution: institution.code.to_string(),
            roles: vec!["his".to_owned()],
            family,
            ..NewKey::default()
        };
        let (key, secret) = office.key(new);
        Self { family, key, secret, institution }
    }

    /// What is sent beside a body, signed at a time.
    fn headers(&self, body: &str, at: i64) -> Headers {
        use dingan_connectors::sign::Family;
        match self.family {
            Family::A => {
                let stamp = (at * 1000).to_string();
                let signed =
                    format!("_api_access_key={}&_api_name=1101&_api_timestamp={stamp}&_api_version=1.0.0", self.key);
                let mut mac = Hmac::<Sha1>::new_from_slice(self.secret.as_bytes()).unwrap();
                mac.update(signed.as_bytes());
                vec![
                    ("_api_access_key", self.key.clone()),
                    ("_api_name", "1101".to_owned()),
                    ("_api_version", "1.0.0".to_owned()),
                    ("_api_timestamp", stamp),
                    ("_api_signature", Base64::encode_string(&mac.finalize().into_bytes())),
                ]
            }
            Family::B => {
                let nonce = format!("n{}", NONCE.fetch_add(1, Ordering::Relaxed));
                let digest = Sha256::digest(format!("{at}{}{nonce}{at}", self.secret));
                vec![
                    ("x-tif-paasid", self.key.clone()),
                    ("x-tif-timestamp", at.to_string()),
                    ("x-tif-nonce", nonce),
                    ("x-tif-signature", hex(&digest).to_uppercase()),
                ]
            }
            Family::C => {
                let mut mac = Hmac::<Sm3>::new_from_slice(self.secret.as_bytes()).unwrap();
                mac.update(format!("{at}\n{body}").as_bytes());
                let signature = hex(&mac.finalize().into_bytes()).to_uppercase();
                vec![("x-ca-key", self.institution.code.to_string()), ("x-ca-signature", format!("{at}:{signature}"))]
            }
            _ => vec![("apikey", format!("dgk_{}.{}", self.key, self.secret))],
        }
    }

    /// A query of its own: 1101.
    fn message(&self, person: &str) -> String {
        let n = NONCE.fetch_add(1, Ordering::Relaxed);
        let id = format!("{}20260101{n:010}", self.institution.code);
        let input = json!({"data": {"mdtrt_cert_type": "02", "mdtrt_cert_no": person, "certno": person, "psn_cert_type": "01"}});
        Hospital::message(&self.institution, "1101", &id, now(), input).to_string()
    }

    fn send(&self, address: SocketAddr, body: &str, headers: &Headers) -> (u16, Value) {
        let mut all = headers.clone();
        all.push(("content-type", "application/json".to_owned()));
        call(address, "POST", PATH, &all, body)
    }
}

fn code(answer: &(u16, Value)) -> (u16, &str) {
    (answer.0, answer.1["err_code"].as_str().unwrap_or(""))
}

#[test]
fn each_family_is_accepted_and_refused_when_touched_late_or_sent_again() {
    let office = Office::new();
    let person = office.county.persons[0].person.cert_no.clone();
    for family in ["a", "b", "c", "bearer"] {
        let signer = Signer::new(&office, family);
        let at = office.address();
        let body = signer.message(&person);
        let headers = signer.headers(&body, unix());
        let accepted = signer.send(at, &body, &headers);
        assert_eq!((accepted.0, &accepted.1["infcode"]), (200, &json!(0)), "{family}: {}", accepted.1);

        // the same once more
        let again = signer.send(at, &body, &headers);
        if family == "bearer" {
            assert_eq!(again.0, 200);
        } else {
            assert_eq!(code(&again), (401, "SIGNATURE_REPLAYED"), "{family}");
            // signed anew, the same message is answered
            let anew = signer.headers(&body, unix() + 1);
            assert_eq!(signer.send(at, &body, &anew).0, 200, "{family}");
        }
        // a byte of the signature
        let body = signer.message(&person);
        let mut touched = signer.headers(&body, unix());
        let last = touched.last_mut().unwrap();
        let middle = last.1.len() - 7;
        let other = if last.1.as_bytes()[middle] == b'A' { "B" } else { "A" };
        last.1.replace_range(middle..=middle, other);
        assert_eq!(signer.send(at, &body, &touched).0, 401, "{family}");
        // a byte of the message, where the family signs it
        if family == "c" {
            let other = body.replacen("1101", "1102", 1);
            assert_eq!(code(&signer.send(at, &other, &signer.headers(&body, unix()))), (401, "SIGNATURE_MISMATCH"));
        }
        // another transaction than the one signed
        if family == "a" {
            let other = body.replacen("\"1101\"", "\"5206\"", 1);
            assert_eq!(code(&signer.send(at, &other, &signer.headers(&other, unix()))).1, "INFNO_PATH_MISMATCH");
        }
        if family != "bearer" {
            for off in [-3601, 3601] {
                let late = signer.headers(&body, unix() + off);
                assert_eq!(code(&signer.send(at, &body, &late)), (401, "SIGNATURE_CLOCK"), "{family} {off}");
            }
        }
        // another institution's message
        let foreign = body.replace(signer.institution.code.as_str(), "H99999999999");
        let refused = signer.send(at, &foreign, &signer.headers(&foreign, unix()));
        assert_eq!(code(&refused), (403, "INSTITUTION_FORBIDDEN"), "{family}");
        let row = office.audit().pop().unwrap();
        assert_eq!((row.what.as_str(), row.who), ("refuse", format!("key:{}", signer.key)));
        // taken back
        office.runtime.block_on(office.agency().revoke_key(&signer.key, now())).unwrap();
        std::thread::sleep(std::time::Duration::from_millis(2100));
        let body = signer.message(&person);
        assert_eq!(code(&signer.send(at, &body, &signer.headers(&body, unix()))), (401, "KEY_UNKNOWN"), "{family}");
    }
    let nobody = call(office.address(), "POST", PATH, &[], "{}");
    assert_eq!(code(&nobody), (401, "NOT_SIGNED"));
    // what was signed before this server began could have been used then: it keeps nonces in memory
    if office.agency().store().forgets_nonces() {
        let signer = Signer::new(&office, "b");
        let body = signer.message(&person);
        let before = signer.send(office.address(), &body, &signer.headers(&body, unix() - 200));
        assert_eq!(code(&before), (401, "SIGNATURE_REPLAYED"));
    }
}

#[test]
fn a_nonce_used_at_one_server_is_refused_by_the_other() {
    let Some(place) = Place::postgres() else { return };
    let office = Office::at(place);
    let other = office.beside();
    let person = office.county.persons[0].person.cert_no.clone();
    for family in ["a", "b", "c"] {
        let signer = Signer::new(&office, family);
        let body = signer.message(&person);
        let headers = signer.headers(&body, unix());
        assert_eq!(signer.send(office.address(), &body, &headers).0, 200, "{family}");
        assert_eq!(code(&signer.send(other.address, &body, &headers)), (401, "SIGNATURE_REPLAYED"), "{family}");
    }
    office.runtime.block_on(other.stop()).unwrap();
}

#[test]
fn strangers_cannot_fill_the_audit_log() {
    let office = Office::new();
    office.account("sec", &["security"]);
    for _ in 0..100 {
        assert_eq!(call(office.address(), "GET", "/api/v1/ledger", &[], "").0, 401);
    }
    let rows = office.audit();
    let refused = rows.iter().filter(|r| r.what == "refuse").count();
    // the minute may have turned once
    assert!((60..=100).contains(&refused) && (refused <= 61 || rows.iter().any(|r| r.detail.contains("not_recorded"))));
}

/// Family D: a token for id and secret, the input encrypted and signed, the answer too.
#[test]
fn family_d_takes_tokens_and_sealed_messages() {
    use dingan_connectors::sign::d::{Client, OwnKey};
    use dingan_connectors::sign::public_key;
    let office = Office::new();
    let institution = office.county.reference.institutions[0].clone();
    let person = office.county.persons[0].person.cert_no.clone();
    let id = "client-id-000001";
    let hospital = OwnKey::new([7; 32]).unwrap();
    let (_, secret) = office.key(NewKey {
        id: id.to_owned(),
        institution: institution.code.to_string(),
        roles: vec!["his".to_owned()],
        family: dingan_connectors::sign::Family::D,
        public_key: hospital.public(),
        ..NewKey::default()
    });
    let grant = |id: &str, secret: &str, grant_type: &str| {
        let headers = [
            ("authorization", format!("Basic {}", Base64::encode_string(format!("{id}:{secret}").as_bytes()))),
            ("content-type", "application/x-www-form-urlencoded".to_owned()),
        ];
        let form = format!("grant_type={grant_type}&username={id}&password={secret}&scope=server");
        call(office.address(), "POST", "/auth/oauth/token", &headers, &form)
    };
    assert_eq!(grant(id, "wrong", "password").0, 401);
    assert_eq!(grant(id, &secret, "implicit").0, 400);
    let (status, answer) = grant(id, &secret, "password");
    assert_eq!((status, &answer["token_type"]), (200, &json!("bearer")), "{answer}");
    let token = answer["access_token"].as_str().unwrap().to_owned();

    // sealed as the agency seals: `output` is to the answer what `input` is to the message
    let ours = Client { id, public_key: None };
    let input =
        json!({"data": {"mdtrt_cert_type": "02", "mdtrt_cert_no": person, "certno": person, "psn_cert_type": "01"}});
    let sealed = ours.seal(json!({"output": input}).to_string().into_bytes(), Some(&hospital));
    let sealed: Value = serde_json::from_slice(&sealed).unwrap();
    let n = NONCE.fetch_add(1, Ordering::Relaxed);
    let mut message =
        Hospital::message(&institution, "1101", &format!("{}2026{n:014}", institution.code), now(), json!({}));
    message["input"] = sealed["output"].clone();
    message["cainfo"] = sealed["cainfo"].clone();
    message["enc_type"] = json!("SM4");
    message["signtype"] = json!("SM2");
    let send = |token: &str, message: &Value| {
        let headers = [("authorization", format!("Bearer {token}")), ("content-type", "application/json".to_owned())];
        call(office.address(), "POST", "/mbs/fmi/fsi/api/callFsiService/callService", &headers, &message.to_string())
    };
    let (status, answer) = send(&token, &message);
    assert_eq!((status, &answer["infcode"], &answer["enc_type"]), (200, &json!(0), &json!("SM4")), "{answer}");
    let own = office.running.as_ref().unwrap().public_key().unwrap();
    let reader = Client { id, public_key: public_key(id, &own) };
    let mirrored = json!({"enc_type": "SM4", "input": answer["output"], "cainfo": answer["cainfo"]}).to_string();
    let (plain, _) = reader.open(mirrored.as_bytes()).unwrap();
    assert!(String::from_utf8(plain).unwrap().contains("baseinfo"));

    let mut touched = message.clone();
    let text = message["input"].as_str().unwrap();
    touched["input"] = Value::from(format!("{}{}", if text.starts_with('A') { "B" } else { "A" }, &text[1..]));
    assert_eq!(send(&token, &touched).0, 401);
    let mut plain = message.clone();
    plain["enc_type"] = Value::Null;
    plain["input"] = json!({});
    assert_eq!(code(&send(&token, &plain)), (401, "NOT_ENCRYPTED"));
    assert_eq!(send("dgs_0", &message).0, 401);
    *office.clock.lock().unwrap() += chrono::TimeDelta::hours(3);
    assert_eq!(send(&token, &message).0, 401, "an old token");
}
