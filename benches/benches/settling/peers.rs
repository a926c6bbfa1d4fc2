//! What we stand beside.

use dingan_test_postgres::Postgres;
use std::path::Path;
use std::process::Command;

/// pgbench on a database of its own.
pub struct Pgbench<'s> {
    server: &'s Postgres,
    database: String,
}

impl<'s> Pgbench<'s> {
    /// Fills its tables (scale 50).
    pub fn new(server: &'s Postgres) -> Self {
        let database = server.database();
        let made = Self { server, database };
        made.command(&["-i", "-s", "50", "-q"]);
        made
    }

    fn command(&self, args: &[&str]) -> String {
        let mut c = Command::new(self.server.programs().join("pgbench"));
        c.args(args).args(["-U", "postgres", "-h"]).arg(self.server.folder()).arg(&self.database);
        let o = c.output().expect("pgbench");
        assert!(o.status.success(), "{}", String::from_utf8_lossy(&o.stderr));
        String::from_utf8_lossy(&o.stdout).into_owned()
    }

    /// Transactions a second, simple protocol as by default.
    pub fn run(&self) -> f64 {
        let out = self.command(&["-c", "16", "-j", "2", "-T", "8"]);
        let tps = out.lines().find_map(|l| l.strip_prefix("tps = ")).and_then(|l| l.split(' ').next());
        tps.and_then(|t| t.parse().ok()).unwrap_or_else(|| panic!("{out}"))
    }
}

/// Transactions a second of two inserts with a full sync each, one after the other.
pub fn bare_inserts(folder: &Path, round: usize) -> f64 {
    const COUNT: u32 = 500;
    let script = format!(
        "import sqlite3,time\n\
         c=sqlite3.connect('{}',isolation_level=None)\n\
         c.execute('pragma journal_mode=wal'); c.execute('pragma synchronous=full')\n\
         c.execute('create table a(x)'); c.execute('create table b(x)')\n\
         t=time.time()\n\
         for i in range({COUNT}):\n\
         \x20 c.execute('begin'); c.execute('insert into a values(?)',(i,)); c.execute('insert into b values(?)',(i,)); c.execute('commit')\n\
         print({COUNT}/(time.time()-t))",
        folder.join(format!("bare{round}.db")).display()
    );
    let out = Command::new("python3").args(["-c", &script]).output().expect("python3");
    String::from_utf8_lossy(&out.stdout).trim().parse().unwrap_or_default()
}
