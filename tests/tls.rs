//! HTTPS with a certificate made for the test.

use crate::program::{dingan, text};
use crate::store_of_a_test::Place;
use dingan::demo::settle_in;
use dingan::serve::{Guarded, Running, now, open_at, profile};
use dingan_connectors::sample::County;
use dingan_http::server::Tls;
use std::io::Write as _;
use std::net::TcpStream;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned, crypto::ring};

fn client(
    trusted: &CertificateDer<'static>,
    address: std::net::SocketAddr,
) -> StreamOwned<ClientConnection, TcpStream> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").unwrap();
    let connection = ClientConnection::new(Arc::new(config), name).unwrap();
    StreamOwned::new(connection, TcpStream::connect(address).unwrap())
}

fn get(stream: &mut (impl std::io::Read + std::io::Write), path: &str) -> String {
    // one that will not have it may close at once: then there is no answer to read
    let _ = write!(stream, "GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    let mut text = Vec::new();
    // a server may close without saying goodbye
    let _ = stream.read_to_end(&mut text);
    String::from_utf8_lossy(&text).into_owned()
}

#[test]
fn the_server_speaks_https_with_its_certificate_and_nothing_else() {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let tls = Tls::from_pem(made.cert.pem().as_bytes(), made.signing_key.serialize_pem().as_bytes()).unwrap();
    let other = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    assert!(Tls::from_pem(other.cert.pem().as_bytes(), made.signing_key.serialize_pem().as_bytes()).is_err());
    assert!(Tls::from_pem(b"", made.signing_key.serialize_pem().as_bytes()).is_err());

    let runtime = tokio::runtime::Runtime::new().unwrap();
    let place = Place::new();
    let running = runtime.block_on(async {
        let agency = open_at(&place.at).await.unwrap();
        settle_in(&agency, &County::generate(7, 20)).await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let guarded = Guarded { tls: Some(tls), ..Guarded::default() };
        Running::start_guarded(agency, profile("default").unwrap(), listener, Arc::new(now), guarded).await.unwrap()
    });
    // one that connects and says nothing holds up nobody
    let silent = TcpStream::connect(running.address).unwrap();
    let trusted = made.cert.der().clone();
    for _ in 0..3 {
        let answer = get(&mut client(&trusted, running.address), "/api/v1/ledger");
        assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("balanced"), "{answer}");
    }
    // another certificate is not trusted
    let mut mistaken = client(&other.cert.der().clone(), running.address);
    assert!(mistaken.write_all(b"GET / HTTP/1.1\r\n\r\n").is_err());
    // plain HTTP gets no answer
    let mut plain = TcpStream::connect(running.address).unwrap();
    assert!(!get(&mut plain, "/health").contains("200 OK"));
    drop(silent);

    // the program's own client trusts what it is told to, and nothing else
    let folder = tempfile::tempdir().unwrap();
    let (ours, theirs) = (folder.path().join("ours.pem"), folder.path().join("theirs.pem"));
    std::fs::write(&ours, made.cert.pem()).unwrap();
    std::fs::write(&theirs, other.cert.pem()).unwrap();
    let server = format!("https://localhost:{}", running.address.port());
    let ask = |ca: &std::path::Path| {
        let sql = ["inspect", "SELECT 1 AS one", "--format", "csv", "--server", &server, "--ca"];
        dingan(&[&sql[..], &[ca.to_str().unwrap()]].concat())
    };
    let asked = ask(&ours);
    assert!(asked.status.success() && text(&asked).contains("one\n1"), "{}", text(&asked));
    let refused = ask(&theirs);
    assert!(refused.status.code() == Some(1) && text(&refused).contains("ertificate"), "{}", text(&refused));
    std::fs::write(&theirs, "no certificate").unwrap();
    let none = ask(&theirs);
    assert!(none.status.code() == Some(1) && text(&none).contains("holds no certificate"), "{}", text(&none));
    runtime.block_on(running.stop()).unwrap();
}
