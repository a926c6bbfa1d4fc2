//! A PostgreSQL server of the tests' own: in a folder of its own under the system's temporary one, on a socket
//! nobody else has, with syncs as in production; gone when the process that started it ends, however it ends.
//!
//! Its keeper is a shell in a process group of its own, so that what is sent to the tests' group (Ctrl-C, a runner
//! that kills the group) does not reach it: it waits for the end of its input, which comes with the end of the
//! tests' process, then stops the server and takes the folder away. Where the keeper itself is killed, the kernel
//! ends the server.

use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// A server.
pub struct Postgres {
    bin: PathBuf,
    folder: PathBuf,
    running: Mutex<Option<Running>>,
}

struct Running {
    /// A shell that stops the server when its input ends.
    keeper: Child,
    input: ChildStdin,
}

/// Runs the server until its input ends, or says `halt` (which leaves the folder); a folder that is a mount stays.
const KEEPER: &str = "f=$1; shift; \"$@\" <&- >>$f/log 2>&1 & p=$!; read x; kill -QUIT $p 2>&-; wait $p; \
                      [ -n \"$x\" ] || rm -rf $f 2>&-";

static DATABASE: AtomicU32 = AtomicU32::new(1);

/// The server of this process, started on first use. None where no PostgreSQL is installed, which is said loudly;
/// in CI that is a failure.
pub fn shared() -> Option<&'static Postgres> {
    static SHARED: OnceLock<Option<Postgres>> = OnceLock::new();
    SHARED.get_or_init(|| if found() { Some(Postgres::start(&[])) } else { None }).as_ref()
}

/// Whether PostgreSQL is installed; where not, it is said loudly, and in CI it is a failure.
pub fn found() -> bool {
    if binaries().is_some() {
        return true;
    }
    assert!(std::env::var_os("CI").is_none(), "CI runs the PostgreSQL tests: install postgresql (see .ci/run)");
    // straight to the descriptor: the test harness captures what eprintln! writes
    use std::io::Write as _;
    let _ = writeln!(
        std::io::stderr().lock(),
        "\n*** SKIPPED: no PostgreSQL found (PATH, /usr/lib/postgresql); this test did not run ***\n"
    );
    false
}

/// The folder of the server's programs, the newest where there are several.
fn binaries() -> Option<PathBuf> {
    let named = std::env::var_os("DINGAN_TEST_POSTGRES_BIN").map(PathBuf::from);
    let in_path = std::env::var_os("PATH").into_iter().flat_map(|p| std::env::split_paths(&p).collect::<Vec<_>>());
    let mut debian: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .map(|e| e.path().join("bin"))
        .collect();
    debian.sort();
    let whole = |p: &PathBuf| ["initdb", "postgres", "psql", "pgbench"].iter().all(|x| p.join(x).exists());
    named.into_iter().chain(debian.into_iter().rev()).chain(in_path).find(whole)
}

/// Whether this process may do what only root may.
pub fn is_root() -> bool {
    static ROOT: OnceLock<bool> = OnceLock::new();
    *ROOT.get_or_init(|| Command::new("id").arg("-u").output().is_ok_and(|o| o.stdout.starts_with(b"0\n")))
}

/// Whether the kernel can be asked to end a process with the one that started it.
fn can_bind() -> bool {
    static CAN: OnceLock<bool> = OnceLock::new();
    *CAN.get_or_init(|| {
        Command::new("setpriv").args(["--pdeathsig", "KILL", "true"]).status().is_ok_and(|s| s.success())
    })
}

/// A program that is killed when the thread that starts it ends, so that nothing a test started outlives it.
/// Without `setpriv` (outside Linux) it is an ordinary one.
pub fn bound(program: impl AsRef<Path>) -> Command {
    if !can_bind() {
        return Command::new(program.as_ref());
    }
    let mut c = Command::new("setpriv");
    c.args(["--pdeathsig", "KILL", "--"]).arg(program.as_ref());
    c
}

const AS_POSTGRES: [&str; 3] = ["--reuid=postgres", "--regid=postgres", "--clear-groups"];

/// The server refuses to run as root; Debian's package makes a user for it.
fn as_server(program: &Path) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let mut c = Command::new("setpriv");
    c.args(AS_POSTGRES).arg("--").arg(program);
    c
}

fn done(mut c: Command) -> String {
    let o = c.output().unwrap_or_else(|e| panic!("{c:?}: {e}"));
    let text = format!("{}{}", String::from_utf8_lossy(&o.stdout), String::from_utf8_lossy(&o.stderr));
    assert!(o.status.success(), "{c:?}: {text}");
    text
}

impl Postgres {
    /// Starts a server with further settings (`name=value`).
    ///
    /// # Panics
    /// Where it cannot be started: a test has nothing else to do about it.
    pub fn start(settings: &[&str]) -> Self {
        let folder = tempfile::Builder::new().prefix("dingan-pg-").tempdir().unwrap_or_else(|e| panic!("{e}")).keep();
        Self::start_in(folder, &[], settings)
    }

    /// Starts a server in a folder, which is taken away with it, with options of `initdb` and further settings.
    ///
    /// # Panics
    /// As [`Postgres::start`].
    pub fn start_in(folder: PathBuf, init_with: &[&str], settings: &[&str]) -> Self {
        let bin = binaries().unwrap_or_else(|| panic!("no PostgreSQL"));
        let data = folder.join("data");
        if is_root() {
            let mut c = Command::new("chown");
            c.arg("postgres").arg(&folder);
            done(c);
        }
        let mut init = as_server(&bin.join("initdb"));
        init.args(["--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync", "-D"]);
        init.arg(&data).args(init_with);
        done(init);
        let mut lines = format!(
            "listen_addresses=''\nunix_socket_directories='{}'\nmax_connections=300\nshared_buffers=256MB\n\
             fsync=on\nsynchronous_commit=on\nmax_wal_size=4GB\nlogging_collector=off\n",
            folder.display()
        );
        for s in settings {
            lines.push_str(s);
            lines.push('\n');
        }
        let file = data.join("postgresql.conf");
        let old = std::fs::read_to_string(&file).unwrap_or_default();
        std::fs::write(&file, old + &lines).unwrap_or_else(|e| panic!("{e}"));
        let server = Self { bin, folder, running: Mutex::new(None) };
        server.resume();
        server
    }

    /// Starts it again after [`Postgres::halt`].
    ///
    /// # Panics
    /// Where it does not come up.
    pub fn resume(&self) {
        let mut c = Command::new("sh");
        c.args(["-c", KEEPER, "keeper"]).arg(&self.folder);
        if is_root() || can_bind() {
            c.arg("setpriv");
            c.args(if is_root() { &AS_POSTGRES[..] } else { &[] });
            // set after the change of user, which would take it back
            c.args(if can_bind() { &["--pdeathsig", "QUIT"][..] } else { &[] });
            c.arg("--");
        }
        c.arg(self.bin.join("postgres")).arg("-D").arg(self.folder.join("data"));
        let mut keeper = c.process_group(0).stdin(Stdio::piped()).spawn().unwrap_or_else(|e| panic!("{e}"));
        let input = keeper.stdin.take().unwrap_or_else(|| panic!("no input"));
        *self.running.lock().unwrap_or_else(PoisonError::into_inner) = Some(Running { keeper, input });
        let until = Instant::now() + Duration::from_secs(60);
        while !self.psql("postgres", "SELECT 1").status.success() {
            assert!(Instant::now() < until, "{}", std::fs::read_to_string(self.folder.join("log")).unwrap_or_default());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Ends the server at once, as a power cut would, keeping its data.
    ///
    /// # Panics
    /// Where it does not run.
    pub fn halt(&self) {
        use std::io::Write as _;
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(Running { mut keeper, mut input }) = running else { panic!("not running") };
        let _ = input.write_all(b"halt\n");
        drop(input);
        let _ = keeper.wait();
    }

    /// Brings it back where it ended by itself, for want of room on its disk, say.
    ///
    /// # Panics
    /// Where it does not come back.
    pub fn mend(&self) {
        let until = Instant::now() + Duration::from_secs(60);
        while !self.psql("postgres", "SELECT 1").status.success() {
            assert!(Instant::now() < until, "{}", std::fs::read_to_string(self.folder.join("log")).unwrap_or_default());
            std::thread::sleep(Duration::from_millis(100));
            if !self.folder.join("data/postmaster.pid").exists() {
                self.halt();
                self.resume();
            }
        }
    }

    /// The number of its first process.
    ///
    /// # Panics
    /// Where it does not run.
    pub fn process(&self) -> u32 {
        let file = std::fs::read_to_string(self.folder.join("data/postmaster.pid")).unwrap_or_default();
        file.lines().next().and_then(|l| l.trim().parse().ok()).unwrap_or_else(|| panic!("not running"))
    }

    /// The folder of its socket and log.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The folder of its programs.
    pub fn programs(&self) -> &Path {
        &self.bin
    }

    /// The URL of a database.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres@localhost/{database}?host={}&sslmode=disable", self.folder.display())
    }

    /// A new database; gives its name.
    ///
    /// # Panics
    /// Where it cannot be made.
    pub fn database(&self) -> String {
        let name = format!("t{}", DATABASE.fetch_add(1, Ordering::Relaxed));
        self.sql("postgres", &format!("CREATE DATABASE {name}"));
        name
    }

    /// Runs a statement; gives the rows as `psql -At` prints them.
    ///
    /// # Panics
    /// Where the statement fails.
    pub fn sql(&self, database: &str, sql: &str) -> String {
        let o = self.psql(database, sql);
        assert!(o.status.success(), "{sql}: {}", String::from_utf8_lossy(&o.stderr));
        String::from_utf8_lossy(&o.stdout).trim().to_owned()
    }

    fn psql(&self, database: &str, sql: &str) -> std::process::Output {
        let mut c = Command::new(self.bin.join("psql"));
        c.args(["-AtqX", "-v", "ON_ERROR_STOP=1", "-U", "postgres", "-d", database, "-c", sql, "-h"]).arg(&self.folder);
        c.output().unwrap_or_else(|e| panic!("psql: {e}"))
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(Running { mut keeper, input }) = running {
            drop(input);
            let _ = keeper.wait();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Plays the test's process: starts a server, says where, and waits to be killed.
    #[test]
    #[ignore = "run by the test below"]
    fn holds_a_server() {
        let server = Postgres::start(&["shared_buffers=16MB"]);
        println!("folder {}", server.folder().display());
        std::thread::sleep(Duration::from_secs(600));
    }

    fn lives(pid: &str) -> bool {
        Path::new("/proc").join(pid).exists()
    }

    /// However the process that holds a server ends, the server ends too.
    fn ignores_hangup() -> bool {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let ignored = status.lines().find_map(|l| l.strip_prefix("SigIgn:")).unwrap_or("0").trim();
        u64::from_str_radix(ignored, 16).is_ok_and(|bits| bits & 1 == 1)
    }

    #[test]
    fn a_server_does_not_outlive_its_process() {
        if !found() || !can_bind() {
            return;
        }
        use std::io::{BufRead as _, BufReader};
        let signals: &[&str] =
            // under nohup a hang-up is ignored, here and in what is started from here
            if ignores_hangup() { &["-KILL", "-INT"] } else { &["-KILL", "-INT", "-HUP"] };
        for signal in signals {
            let this = std::env::current_exe().unwrap_or_else(|e| panic!("{e}"));
            let mut c = bound(this);
            c.args(["--ignored", "--exact", "tests::holds_a_server", "--nocapture"]);
            let mut child = c.process_group(0).stdout(Stdio::piped()).spawn().unwrap_or_else(|e| panic!("{e}"));
            let out = BufReader::new(child.stdout.take().unwrap_or_else(|| panic!("no output")));
            let folder =
                out.lines().map_while(Result::ok).find_map(|l| l.split_once("folder ").map(|(_, f)| f.to_owned()));
            let folder = PathBuf::from(folder.unwrap_or_else(|| panic!("no server")));
            let pid = std::fs::read_to_string(folder.join("data/postmaster.pid")).unwrap_or_default();
            let pid = pid.lines().next().unwrap_or_default().to_owned();
            assert!(lives(&pid), "the server's process {pid}");
            // the whole group, as a terminal or a runner does it
            let group = format!("-{}", child.id());
            done({
                let mut c = Command::new("kill");
                c.args([*signal, "--", &group]);
                c
            });
            let _ = child.wait();
            let until = Instant::now() + Duration::from_secs(30);
            while lives(&pid) || folder.exists() {
                assert!(Instant::now() < until, "after {signal} the server {pid} or {} is left", folder.display());
                std::thread::sleep(Duration::from_millis(50));
            }
        }
    }
}
