//! A server of the sample county, over each kind of store.

use dingan::demo::settle_in;
use dingan::serve::{Running, now, open_at, profile};
use dingan_connectors::sample::County;
use dingan_store::Location;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

/// A county of 20,000 persons behind a server on this store: of the bills open at a time, few are of one person.
pub fn serve(runtime: &Runtime, at: &Location) -> (County, Running) {
    let county = County::generate(1, 20_000);
    let running = runtime.block_on(async {
        let agency = open_at(at).await.expect("a store");
        settle_in(&agency, &county).await.expect("the county");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        Running::start(agency, profile("default").expect("a profile"), listener, Arc::new(now)).await.expect("a server")
    });
    (county, running)
}
