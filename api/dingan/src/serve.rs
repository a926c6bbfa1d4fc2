//! `dingan serve`: the server over a store.

use anyhow::{Context, bail};
use chrono::{Local, NaiveDateTime};
use dingan_connectors::fsi::Profile;
use dingan_http::access::{Access, Master};
use dingan_http::agency::{Admissions, Agency};
use dingan_http::server::{App, Clock, Tls, serve};
use dingan_store::{Location, Store};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
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
    Ok(Agency::open(store, now()).await?.acting_as(&user()))
}

/// The user of this machine, for the record.
pub fn user() -> String {
    let name = std::env::var("USER").or_else(|_| std::env::var("USERNAME")).unwrap_or_else(|_| "unknown".to_owned());
    format!("{name} (command line)")
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
    access: Access,
}

/// How a server is guarded.
#[derive(Default)]
pub struct Guarded {
    /// Certificate and key; plain HTTP without.
    pub tls: Option<Tls>,
    /// What the secrets of signing keys are derived from.
    pub master: Option<Master>,
    /// Callers must be known even where nobody is yet.
    pub closed: bool,
}

impl Running {
    /// Starts a server as on a developer's desk: plain HTTP, open as long as nobody is known.
    pub async fn start(agency: Agency, profile: Profile, listener: TcpListener, clock: Clock) -> anyhow::Result<Self> {
        Self::start_guarded(agency, profile, listener, clock, Guarded::default()).await
    }

    /// Starts a server.
    pub async fn start_guarded(
        agency: Agency,
        profile: Profile,
        listener: TcpListener,
        clock: Clock,
        guarded: Guarded,
    ) -> anyhow::Result<Self> {
        let Guarded { tls, master, closed } = guarded;
        let access = Access::new(agency.clone(), master, profile.signature_window, closed);
        let address = listener.local_addr()?;
        let (stop, stopped) = oneshot::channel::<()>();
        let inspect = Some(crate::inspect::service(&agency)?);
        let app = App { agency: agency.clone(), access: access.clone(), profile: Arc::new(profile), clock, inspect };
        let done = tokio::spawn(serve(listener, app, tls, async {
            let _ = stopped.await;
        }));
        Ok(Self { address, stop, done, agency, access })
    }

    /// The agency's public key of SM2, where there is a master secret.
    pub fn public_key(&self) -> Option<String> {
        self.access.public_key()
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

/// Only loopback, as long as callers are not known by accounts or keys.
pub fn check_address(listen: SocketAddr) -> anyhow::Result<()> {
    if !listen.ip().is_loopback() {
        bail!(
            "--listen {listen}: only loopback addresses (127.0.0.1, ::1) as long as there is no account and no key; \
             make one with `dingan user add` or `dingan key add`"
        );
    }
    Ok(())
}

/// What the command was given.
pub struct Options {
    /// Province profile.
    pub profile: String,
    /// Address to listen on.
    pub listen: SocketAddr,
    /// How much is taken in at once.
    pub limits: Admissions,
    /// Files of certificate and key.
    pub tls: Option<(PathBuf, PathBuf)>,
    /// File of the master secret.
    pub master: Option<PathBuf>,
}

/// The file of the master secret: as given, or in the folder of an embedded store.
pub fn master_file(given: Option<&Path>, at: &Location) -> Option<PathBuf> {
    match (given, at) {
        (Some(file), _) => Some(file.to_owned()),
        (None, Location::Folder(folder)) => Some(folder.join("master.key")),
        (None, _) => None,
    }
}

/// The command.
pub async fn run(at: &Location, o: Options) -> anyhow::Result<bool> {
    let profile = profile(&o.profile)?;
    let tls = match &o.tls {
        Some((certificate, key)) => Some(Tls::from_files(certificate, key)?),
        None => None,
    };
    let stop = signals().context("cannot catch signals")?;
    let agency = open_at(at).await?.admitting(o.limits);
    let master = match master_file(o.master.as_deref(), at) {
        // a file that was named must be there; the one beside the store is made with the first key
        Some(file) if o.master.is_some() || file.exists() => Some(Master::open(&file, false)?),
        _ => None,
    };
    let known = Access::new(agency.clone(), None, None, false).guarded().await;
    let known = known.map_err(|e| anyhow::anyhow!("accounts and keys cannot be read: {e:?}"))?;
    if !known {
        check_address(o.listen)?;
    }
    let listener = TcpListener::bind(o.listen).await.with_context(|| format!("cannot listen on {}", o.listen))?;
    let scheme = if tls.is_some() { "https" } else { "http" };
    if tls.is_none() && !o.listen.ip().is_loopback() {
        eprintln!("warning: without --tls-cert and --tls-key, what is sent to {} can be read on the way", o.listen);
    }
    let guarded = Guarded { tls, master, closed: known };
    let running = Running::start_guarded(agency, profile, listener, Arc::new(now), guarded).await?;
    say!("dingan listens on {scheme}://{} (data in {at})", running.address);
    if !known {
        say!("nobody is known yet: this machine only, and everything is allowed (docs/access.md)");
    }
    stop.await;
    tracing::info!("stopping: finishing what is in flight");
    running.stop().await?;
    say!("dingan stopped");
    Ok(true)
}
