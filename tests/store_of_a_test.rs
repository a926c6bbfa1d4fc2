//! Where a test keeps its books: a folder of its own, or with DINGAN_TEST_STORE=postgres a database of its own on
//! a real server, so that every end-to-end test runs on both.

use dingan_store::Location;
use tempfile::TempDir;

/// A store of a test's own.
pub struct Place {
    pub at: Location,
    pub folder: TempDir,
}

impl Place {
    /// As the environment says.
    pub fn new() -> Self {
        let on_postgres = std::env::var("DINGAN_TEST_STORE").is_ok_and(|s| s == "postgres");
        if on_postgres {
            Self::postgres().expect("DINGAN_TEST_STORE=postgres needs PostgreSQL")
        } else {
            Self::embedded()
        }
    }

    /// A folder.
    pub fn embedded() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { at: Location::Folder(folder.path().to_path_buf()), folder }
    }

    /// The name of its database, where it is one.
    pub fn database(&self) -> Option<&str> {
        let Location::Postgres(url) = &self.at else { return None };
        url.split_once("://")?.1.split('?').next()?.split('/').nth(1)
    }

    /// Runs statements behind the program's back.
    pub fn sql(&self, text: &str) {
        if let Some(name) = self.database() {
            dingan_test_postgres::shared().unwrap().sql(name, text);
            return;
        }
        let code = "import sqlite3,sys; sqlite3.connect(sys.argv[1]).executescript(sys.argv[2])";
        let file = self.folder.path().join("dingan.db");
        let run = std::process::Command::new("python3").args(["-c", code]).arg(&file).arg(text).status();
        assert!(run.unwrap().success(), "{text}");
    }

    /// A database; none where no PostgreSQL is installed.
    pub fn postgres() -> Option<Self> {
        let server = dingan_test_postgres::shared()?;
        let at = Location::parse(&server.url(&server.database())).unwrap();
        Some(Self { at, folder: tempfile::tempdir().unwrap() })
    }
}
