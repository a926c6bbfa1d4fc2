//! `dingan serve`: the server over a store.

use anyhow::{Context, bail};
use chrono::{Local, NaiveDateTime};
use dingan_connectors::fsi::Profile;
use dingan_http::agency::{Admissions, Agency};
use dingan_http::server::{App, Clock, serve};
use dingan_store::{Location, Store};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// Local civil time, to the second: what a message is stamped with.
pub fn now() -> NaiveDateTime {
    let t = Local::now().naive_local();
    chrono::Timelike::with_nanosecond(&t, 0).unwrap_or(t)
}

/// A profile by name, or from a file.
pub fn profile(name: &str) -> anyhow::Result<Profile> {
    if let Some(p) = Profile::shipped(name) {
        return Ok(p);
    }
    let text = std::fs::read_to_string(name)
        .with_context(|| format!("no profile `{name}` is carried, and it is no file that can be read"))?;
    Profile::from_toml(&text).map_err(|e| anyhow::anyhow!("profile {name}: {e}"))
}

/// Opens the agency over an embedded store in a folder.
pub async fn open(data: &Path) -> anyhow::Result<Agency> {
    open_at(&Location::Folder(data.to_path_buf())).await
}

/// Opens the agency over a store.
pub async fn open_at(at: &Location) -> anyhow::Result<Agency> {
    let store = Store::open(at).await.with_context(|| format!("cannot open the store in {at}"))?;
    Ok(Agency::open(store, now()).await?)
}

/// How long what is in flight may take after the signal to stop.
const STOP_TIME: Duration = Duration::from_secs(20);

/// A server that runs.
pub struct Running {
    /// Where it listens.
    pub address: SocketAddr,
    stop: oneshot::Sender<()>,
    done: JoinHandle<std::io::Result<()>>,
    agency: Agency,
}

impl Running {
    /// Starts a server.
    pub async fn start(agency: Agency, profile: Profile, listener: TcpListener, clock: Clock) -> anyhow::Result<Self> {
        let address = listener.local_addr()?;
        let (stop, stopped) = oneshot::channel::<()>();
        let inspect = Some(crate::inspect::service(&agency)?);
        let app = App { agency: agency.clone(), profile: Arc::new(profile), clock, inspect };
        let done = tokio::spawn(serve(listener, app, async {
            let _ = stopped.await;
        }));
        Ok(Self { address, stop, done, agency })
    }

    /// The agency behind it.
    pub fn agency(&self) -> &Agency {
        &self.agency
    }

    /// Finishes what is in flight, then closes the store. A caller that does not let go in time is cut off:
    /// what was acknowledged is stored, and the rest gets its answer on a retry.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        let _ = self.stop.send(());
        match tokio::time::timeout(STOP_TIME, &mut self.done).await {
            Ok(ended) => ended??,
            Err(_) => {
                tracing::warn!("callers still connected after {} s are cut off", STOP_TIME.as_secs());
                self.done.abort();
            }
        }
        self.agency.store().clone().close().await;
        Ok(())
    }
}

/// Catches Ctrl-C and SIGTERM from now on; the future resolves on the first of them. Registered before
/// the server says that it listens, so that a signal right after that ends it cleanly too.
#[cfg(unix)]
pub fn signals() -> std::io::Result<impl std::future::Future<Output = ()> + Send> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

/// Catches Ctrl-C; the future resolves on it.
#[cfg(not(unix))]
pub fn signals() -> std::io::Result<impl std::future::Future<Output = ()> + Send> {
    Ok(async {
        let _ = tokio::signal::ctrl_c().await;
    })
}

/// Only loopback, as long as callers are not known by keys.
pub fn check_address(listen: SocketAddr) -> anyhow::Result<()> {
    if !listen.ip().is_loopback() {
        bail!(
            "--listen {listen}: only loopback addresses (127.0.0.1, ::1) until callers have keys; put a gateway in front"
        );
    }
    Ok(())
}

/// The command.
pub async fn run(at: &Location, profile_name: &str, listen: SocketAddr, limits: Admissions) -> anyhow::Result<bool> {
    check_address(listen)?;
    let profile = profile(profile_name)?;
    let stop = signals().context("cannot catch signals")?;
    let agency = open_at(at).await?.admitting(limits);
    let listener = TcpListener::bind(listen).await.with_context(|| format!("cannot listen on {listen}"))?;
    let running = Running::start(agency, profile, listener, Arc::new(now)).await?;
    say!("dingan listens on http://{} (data in {at})", running.address);
    stop.await;
    tracing::info!("stopping: finishing what is in flight");
    running.stop().await?;
    say!("dingan stopped");
    Ok(true)
}
