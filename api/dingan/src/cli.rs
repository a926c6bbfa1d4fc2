//! The command line. Exit status: 0 done, 1 failed, 2 wrong use.

use clap::{Args, Parser, Subcommand, ValueEnum};
use dingan_http::agency::{Admissions, Confirmation};
use dingan_store::Location;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

/// Dingan (定案) settles medical-insurance claims and reviews them.
#[derive(Parser, Debug)]
#[command(name = "dingan", version, about, long_about = None)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

/// Where the data is.
#[derive(Args, Debug, Clone)]
pub struct Data {
    /// Folder of the embedded store.
    #[arg(long, default_value = "dingan-data", value_name = "DIR", conflicts_with = "database")]
    pub data: PathBuf,
    /// A database instead: sqlite:FILE, or postgres://USER@HOST/NAME for any number of servers.
    #[arg(long, value_name = "URL", env = "DINGAN_DATABASE", hide_env_values = true, value_parser = Location::parse)]
    pub database: Option<Location>,
}

/// Where the master secret is.
#[derive(Args, Debug, Clone)]
pub struct MasterArg {
    /// File of the master secret, which those of signing keys are derived from; beside an embedded store where not
    /// given.
    #[arg(long, value_name = "FILE", env = "DINGAN_MASTER_KEY_FILE")]
    pub master_key: Option<PathBuf>,
}

impl Data {
    pub(crate) fn at(&self) -> Location {
        self.database.clone().unwrap_or_else(|| Location::Folder(self.data.clone()))
    }
}

/// Which province's interface is spoken.
#[derive(Args, Debug, Clone)]
pub struct ProfileArg {
    /// Province profile: a name the program carries (default, hainan, hunan) or a TOML file.
    #[arg(long, default_value = "default", value_name = "NAME|FILE")]
    pub profile: String,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// A sample county and a day of claims through the real interface, then the start page.
    Demo {
        /// End after the summary.
        #[arg(long)]
        once: bool,
        /// Keep the store here (must be new or empty); without it, a temporary folder.
        #[arg(long, value_name = "DIR")]
        data: Option<PathBuf>,
        /// Encounters of the day.
        #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
        claims: u32,
        /// Persons of the county.
        #[arg(long, default_value_t = 3000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
        persons: u32,
        /// Seed of the sample.
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// Address of the server; another port is taken where it is in use.
        #[arg(long, default_value = "127.0.0.1:8080")]
        listen: SocketAddr,
    },
    /// Serves the hospital interface.
    Serve {
        #[command(flatten)]
        data: Data,
        #[command(flatten)]
        profile: ProfileArg,
        /// Address to listen on; loopback only as long as there is no account and no key.
        #[arg(long, default_value = "127.0.0.1:8080")]
        listen: SocketAddr,
        /// Certificate chain (PEM), for HTTPS.
        #[arg(long, value_name = "FILE", requires = "tls_key")]
        tls_cert: Option<PathBuf>,
        /// Its private key (PEM).
        #[arg(long, value_name = "FILE", requires = "tls_cert")]
        tls_key: Option<PathBuf>,
        #[command(flatten)]
        master: MasterArg,
        /// Messages worked on at once.
        #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u16).range(1..=1000))]
        at_once: u16,
        /// Of those, messages of one institution; without it half as many as there are processors, two at least.
        #[arg(long, value_parser = clap::value_parser!(u16).range(1..=1000))]
        of_one: Option<u16>,
        /// Messages of one institution that may wait; more are turned away at once.
        #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(0..=10000))]
        waiting: u16,
    },
    /// Imports CSV files (national field names as headers) or policies.
    Import {
        /// What the files hold.
        kind: Kind,
        /// The files.
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
        #[command(flatten)]
        data: Data,
        /// Import nothing if any row is bad.
        #[arg(long)]
        strict: bool,
        #[command(flatten)]
        knowledge: crate::knowledge::Options,
    },
    /// Prices and reviews claims of an NDJSON file, without settling them.
    Adjudicate {
        /// Claims, one a line.
        #[arg(value_name = "FILE.ndjson")]
        input: PathBuf,
        /// Folder for decisions.ndjson, findings.ndjson, refused.ndjson and summary.json.
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
        /// Only what was known then, by the persons, accounts and rules of that time: a commit number, a day or a time.
        #[arg(long, value_name = "WHEN")]
        as_of: Option<crate::batch::AsOf>,
        /// Also looks once more at every settlement that lives in the end, and writes what only later facts show to
        /// later.ndjson.
        #[arg(long)]
        look_back: bool,
        #[command(flatten)]
        data: Data,
    },
    /// Rebuilds every stored decision and compares it byte for byte; checks the ledger.
    Replay {
        #[command(flatten)]
        data: Data,
    },
    /// Reviews what is settled with the live rules, on what is known now; makes a run. Decisions stay as they are.
    Review {
        #[command(flatten)]
        data: Data,
    },
    /// Knowledge points: what the tables hold, and a person's word on what was read out of free text.
    Knowledge {
        #[command(subcommand)]
        command: KnowledgeCommand,
    },
    /// Copies an embedded store into a new file; a server may go on serving it meanwhile.
    Backup {
        /// The new file.
        #[arg(value_name = "FILE")]
        to: PathBuf,
        #[command(flatten)]
        data: Data,
    },
    /// Makes an embedded store of a copy, where there is none, and checks it.
    Restore {
        /// The copy.
        #[arg(value_name = "FILE")]
        from: PathBuf,
        #[command(flatten)]
        data: Data,
    },
    /// Ends an upgrade, once no server older than this program runs on the database: from then on settlements are written
    /// as only this version and later ones read them, with fewer rows. A new store is written so from the start.
    FinishUpgrade {
        #[command(flatten)]
        data: Data,
    },
    /// Asks the books with SQL, or runs an investigation by its name; only reads.
    Inspect {
        /// The query, over setl_d, mdtrt_d, fee_list_d and the views that `held` lists.
        #[arg(required_unless_present_any = ["named", "list", "file"])]
        sql: Option<String>,
        /// Read the query from a file.
        #[arg(long, value_name = "FILE.sql", conflicts_with = "sql")]
        file: Option<PathBuf>,
        /// An investigation of docs/inspect.
        #[arg(long, value_name = "NAME", conflicts_with_all = ["sql", "file"])]
        named: Option<String>,
        /// A parameter of the investigation.
        #[arg(long = "param", value_name = "NAME=VALUE", requires = "named")]
        params: Vec<String>,
        /// Lists the investigations with their parameters.
        #[arg(long)]
        list: bool,
        /// How the rows are written.
        #[arg(long, default_value = "table", value_parser = dingan_lake::output::Format::NAMES)]
        format: String,
        /// Write to a file instead of standard output.
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
        /// Seconds a query may take.
        #[arg(long, default_value_t = 60)]
        seconds: u64,
        /// Rows a query may give.
        #[arg(long, default_value_t = 1_000_000)]
        rows: u64,
        #[command(flatten)]
        data: Data,
        #[command(flatten)]
        at: AskArg,
    },
    /// Accounts of persons: who may sign in, and as what.
    User {
        #[command(subcommand)]
        command: UserCommand,
    },
    /// Keys of programs: hospitals' systems, and others that call /api/v1.
    Key {
        #[command(subcommand)]
        command: KeyCommand,
    },
    /// Clerk's work: paper claims and their reversal, proposals applied, deductions; a second person above a set amount.
    Manual {
        #[command(subcommand)]
        command: ManualCommand,
    },
    /// What pools owe each other of a month; with two pools, what makes it up.
    Clearing {
        /// The month, YYYY-MM.
        month: String,
        /// The pool that owes.
        #[arg(requires = "to")]
        from: Option<String>,
        /// The pool that is owed.
        to: Option<String>,
        #[command(flatten)]
        at: ServerArg,
    },
    /// The audit log: who changed what, who asked what, who was refused. Reads beside a running server.
    Audit {
        #[command(subcommand)]
        command: AuditCommand,
    },
    /// Benefit policies.
    Policy {
        #[command(subcommand)]
        command: PolicyCommand,
    },
    /// Rules.
    Rules {
        #[command(subcommand)]
        command: RulesCommand,
    },
}

/// What `import` reads.
#[derive(ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Persons with insurance relations, identities, filings and balances.
    Persons,
    /// Designated institutions.
    Institutions,
    /// Practitioners.
    Practitioners,
    /// Division → pooling area.
    Areas,
    /// Catalogue: items (1312), limit prices (1318), self-pay ratios (1319), told apart by their headers.
    Catalogue,
    /// Benefit policies (TOML).
    Policies,
    /// Knowledge: the administration's workbooks (xlsx), points (JSON), or rows of one's own (CSV).
    Knowledge,
}

#[derive(Subcommand, Debug)]
enum KnowledgeCommand {
    /// How many points and codes each table holds.
    Tables {
        #[command(flatten)]
        data: Data,
    },
    /// Lists points with what was read out of their text.
    List {
        #[command(flatten)]
        data: Data,
        /// Only those of a table.
        #[arg(long)]
        table: Option<String>,
        /// Only those nobody has confirmed: they found a suspicion, never a breach.
        #[arg(long)]
        unconfirmed: bool,
    },
    /// Confirms points, with a better reading where one is given.
    Confirm {
        /// Ids, as `list` shows them.
        #[arg(required = true, value_name = "ID")]
        ids: Vec<String>,
        #[command(flatten)]
        data: Data,
        /// Who confirms.
        #[arg(long)]
        by: String,
        /// Diagnoses by code, instead of those read: `E11 C00-C97`.
        #[arg(long, num_args = 1..)]
        ranges: Option<Vec<String>>,
        /// Words of names of diagnoses, instead of those read.
        #[arg(long, num_args = 1..)]
        names: Option<Vec<String>>,
        /// The word, instead of the one read.
        #[arg(long)]
        word: Option<String>,
        /// The number, instead of the one read.
        #[arg(long)]
        number: Option<dingan_core::money::Quantity>,
    },
}

/// A running server instead of the store.
#[derive(Args, Debug, Clone)]
pub(crate) struct AskArg {
    /// A running server instead of the store, e.g. http://127.0.0.1:8080.
    #[arg(long, value_name = "URL", conflicts_with = "data")]
    pub server: Option<String>,
    /// The token of POST /api/v1/session, or a key, where the server asks for one.
    #[arg(long, env = "DINGAN_TOKEN", hide_env_values = true, value_name = "TOKEN")]
    pub token: Option<String>,
    /// Certificates to trust for https:// (PEM), e.g. of an authority of one's own; the system's where not given.
    #[arg(long, env = "DINGAN_CA", value_name = "FILE")]
    pub ca: Option<PathBuf>,
}

/// A running server and who asks it.
#[derive(Args, Debug, Clone)]
pub(crate) struct ServerArg {
    /// The server.
    #[arg(long, default_value = "http://127.0.0.1:8080", value_name = "URL")]
    pub server: String,
    /// The token of POST /api/v1/session, or a key, where the server asks for one.
    #[arg(long, env = "DINGAN_TOKEN", hide_env_values = true, value_name = "TOKEN")]
    pub token: Option<String>,
    /// Certificates to trust for https:// (PEM), e.g. of an authority of one's own; the system's where not given.
    #[arg(long, env = "DINGAN_CA", value_name = "FILE")]
    pub ca: Option<PathBuf>,
}

/// Commands about paper claims.
#[derive(Subcommand, Debug)]
pub(crate) enum ManualCommand {
    /// Settles a claim (JSON, national field names; docs/clerk.md), or writes it down for a second person.
    Settle {
        /// The file.
        #[arg(value_name = "FILE.json")]
        file: PathBuf,
        #[command(flatten)]
        at: ServerArg,
    },
    /// Reverses a settled paper claim.
    Reverse {
        /// Its setl_id.
        setl_id: String,
        /// Names the request: the same one again is not done again.
        #[arg(long)]
        id: String,
        /// Why.
        #[arg(long)]
        reason: String,
        #[command(flatten)]
        at: ServerArg,
    },
    /// Lists proposals nobody has applied.
    Proposals {
        #[command(flatten)]
        at: ServerArg,
    },
    /// Applies a proposal to its settlement.
    Correct {
        /// Its setl_id.
        setl_id: String,
        /// Names the request: the same one again is not done again.
        #[arg(long)]
        id: String,
        /// What the funds pay more (or less, negative) by the proposal, in yuan.
        #[arg(long, allow_hyphen_values = true, value_name = "YUAN")]
        funds_change: dingan_core::money::Money,
        #[command(flatten)]
        at: ServerArg,
    },
    /// Takes back from the institution of a settlement.
    Deduct {
        /// Its setl_id.
        setl_id: String,
        /// Names the request: the same one again is not done again.
        #[arg(long)]
        id: String,
        /// How much, in yuan.
        #[arg(long, value_name = "YUAN")]
        amount: dingan_core::money::Money,
        /// Why.
        #[arg(long)]
        reason: String,
        #[command(flatten)]
        at: ServerArg,
    },
    /// Lists what waits for a second person.
    Tasks {
        #[command(flatten)]
        at: ServerArg,
    },
    /// Does what somebody else asked for.
    Approve {
        /// The request.
        id: String,
        #[command(flatten)]
        at: ServerArg,
    },
    /// Gives back what somebody else asked for.
    Refuse {
        /// The request.
        id: String,
        /// Why.
        #[arg(long)]
        reason: String,
        #[command(flatten)]
        at: ServerArg,
    },
    /// Sets what may be moved of the funds' money on one person's word.
    Limit {
        /// Yuan.
        yuan: dingan_core::money::Money,
        #[command(flatten)]
        data: Data,
    },
}

/// Commands about accounts.
#[derive(Subcommand, Debug)]
pub(crate) enum UserCommand {
    /// Makes an account and prints its password, once.
    Add {
        /// Its name.
        name: String,
        /// A role: clerk, reviewer, inspector, supervisor, auditor, administrator, security.
        #[arg(long = "role", required = true, value_name = "ROLE")]
        roles: Vec<String>,
        /// Take the password from standard input instead of making one.
        #[arg(long)]
        password_stdin: bool,
        #[command(flatten)]
        data: Data,
    },
    /// Lists accounts.
    List {
        #[command(flatten)]
        data: Data,
    },
    /// Gives an account other roles.
    Roles {
        /// Its name.
        name: String,
        /// All of them.
        #[arg(long = "role", required = true, value_name = "ROLE")]
        roles: Vec<String>,
        #[command(flatten)]
        data: Data,
    },
    /// Closes an account; its sessions end.
    Disable {
        /// Its name.
        name: String,
        #[command(flatten)]
        data: Data,
    },
    /// Opens an account again.
    Enable {
        /// Its name.
        name: String,
        #[command(flatten)]
        data: Data,
    },
    /// Gives an account another password and prints it, once; its sessions end, and a lock too.
    Passwd {
        /// Its name.
        name: String,
        /// Take the password from standard input instead of making one.
        #[arg(long)]
        password_stdin: bool,
        #[command(flatten)]
        data: Data,
    },
}

/// Commands about keys.
#[derive(Subcommand, Debug)]
pub(crate) enum KeyCommand {
    /// Makes a key and prints its secret, once.
    Add {
        /// The institution it speaks for; its role is then `his`.
        #[arg(long, value_name = "FIXMEDINS_CODE", default_value = "")]
        institution: String,
        /// A role of a program that calls /api/v1: reviewer, inspector, supervisor.
        #[arg(long = "role", value_name = "ROLE")]
        roles: Vec<String>,
        /// How it signs: a, b, c, d, or bearer, which sends the key itself.
        #[arg(long, default_value = "bearer")]
        family: String,
        /// What it names itself by (paasid, access key, client id); a random one where not given.
        #[arg(long, default_value = "")]
        id: String,
        /// The caller's SM2 public key, 65 bytes in hexadecimal; every message must then be encrypted and signed
        /// (family d).
        #[arg(long, default_value = "", value_name = "HEX")]
        public_key: String,
        /// What it is for.
        #[arg(long, default_value = "")]
        note: String,
        #[command(flatten)]
        master: MasterArg,
        #[command(flatten)]
        data: Data,
    },
    /// Lists keys, without secrets.
    List {
        #[command(flatten)]
        data: Data,
    },
    /// Takes a key back; running servers know within seconds.
    Revoke {
        /// Its id.
        id: String,
        #[command(flatten)]
        data: Data,
    },
}

#[derive(Subcommand, Debug)]
enum AuditCommand {
    /// Checks every row against the one before it; prints the head, to be noted elsewhere. Finds one changed byte.
    Verify {
        #[command(flatten)]
        data: Data,
        /// A head noted earlier: it must still be in the log, so that nothing was cut off at the end.
        #[arg(long, value_name = "SEQ:HASH")]
        head: Option<String>,
    },
    /// Lists rows, the last first.
    List {
        #[command(flatten)]
        data: Data,
        /// How many.
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(i64).range(1..=1_000_000))]
        last: i64,
        /// Rows after this number instead, the first of them first.
        #[arg(long, value_name = "SEQ", conflicts_with = "last")]
        after: Option<i64>,
        /// As JSON, a row a line.
        #[arg(long)]
        json: bool,
    },
}

#[derive(Subcommand, Debug)]
enum PolicyCommand {
    /// Checks policy files; errors carry the line.
    Check {
        /// The files.
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// The waterfall of a settlement in words, each figure with its source.
    Explain {
        /// The settlement.
        setl_id: String,
        #[command(flatten)]
        data: Data,
        /// In English.
        #[arg(long)]
        english: bool,
    },
}

#[derive(Subcommand, Debug)]
enum RulesCommand {
    /// Makes the folder of a new rule, with a script and cases that hold.
    New {
        /// policy, management, medical or conduct.
        family: String,
        /// Names the pattern: same-day-scans.
        slug: String,
        /// The title, in Chinese.
        #[arg(long, default_value = "新规则")]
        title: String,
        /// The library the folder is made in.
        #[arg(long, default_value = "rules/library", value_name = "DIR")]
        library: PathBuf,
    },
    /// Says everything that is wrong with rules, with line and column.
    Check(Which),
    /// Runs the cases of the rules' pages.
    Test(Which),
    /// Which lines of the scripts no case reaches, and which parameters none varies.
    Coverage(Which),
    /// Lists the rules of the live bundle, or those the program carries where there is no store; active, waiting,
    /// batch and unavailable counted apart.
    List {
        #[command(flatten)]
        data: Data,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Writes a page for each rule: metadata, judgement, flagged and clean examples.
    Docs {
        /// Where to.
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
        /// A library folder; else the rules the program carries.
        #[arg(value_name = "DIR")]
        folder: Option<PathBuf>,
    },
    /// Puts a rule's folder in force. It must compile and its cases must hold, or nothing changes.
    Publish {
        /// The folder.
        folder: PathBuf,
        #[command(flatten)]
        data: Data,
        #[command(flatten)]
        at: AskArg,
    },
    /// Measures the rules the program carries on a population whose answer is known: what each finds of what is
    /// planted, plainly and slyly, and what it says of the innocent.
    Measure {
        /// Bills, at least.
        #[arg(long, default_value_t = 20_000, value_parser = clap::value_parser!(u32).range(1..=50_000_000))]
        claims: u32,
        /// Seed of the population.
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// Write the figures as JSON too.
        #[arg(long, value_name = "FILE")]
        json: Option<PathBuf>,
    },
    /// Why a rule said what it said of a settlement: which condition failed, and by how much.
    Why {
        /// The rule.
        code: String,
        /// The settlement.
        setl_id: String,
        #[command(flatten)]
        data: Data,
    },
}

/// Which rules.
#[derive(Args, Debug, Clone)]
pub struct Which {
    /// A library folder or the folder of one rule; else the rules the program carries.
    #[arg(value_name = "DIR")]
    pub folder: Option<PathBuf>,
    /// The one with this code.
    #[arg(long)]
    pub code: Option<String>,
}

/// Runs the program.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(c) => c,
        Err(e) => {
            let _ = e.print();
            return ExitCode::from(if e.use_stderr() { 2 } else { 0 });
        }
    };
    log();
    // the places where a test may break off; none are compiled into a program that is not a test's
    let _places = fail::FailScenario::setup();
    let runtime = match crate::threads::runtime() {
        Ok(r) => r,
        Err(e) => {
            eprintln!("error: cannot start the runtime: {e}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(run(cli.command)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(e) => {
            eprintln!("error: {e:#}");
            ExitCode::FAILURE
        }
    }
}

/// Structured logs on stderr; `DINGAN_LOG` sets the level, `DINGAN_LOG_FORMAT=json` the form.
fn log() {
    use tracing_subscriber::EnvFilter;
    let filter = EnvFilter::try_from_env("DINGAN_LOG").unwrap_or_else(|_| EnvFilter::new("warn"));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let _ = if std::env::var("DINGAN_LOG_FORMAT").is_ok_and(|f| f == "json") {
        builder.json().try_init()
    } else {
        builder.try_init()
    };
}

async fn run(command: Command) -> anyhow::Result<bool> {
    match command {
        Command::Demo { once, data, claims, persons, seed, listen } => {
            crate::demo::run(crate::demo::Options { once, data, claims, persons, seed, listen }).await
        }
        Command::Serve { data, profile, listen, tls_cert, tls_key, master, at_once, of_one, waiting } => {
            let of_one = of_one.map_or(Admissions::default().of_one, Into::into);
            let limits = Admissions { at_once: at_once.into(), of_one, waiting: waiting.into() };
            let (profile, master) = (profile.profile, master.master_key);
            let o = crate::serve::Options { profile, listen, limits, tls: tls_cert.zip(tls_key), master };
            crate::serve::run(&data.at(), o).await
        }
        Command::Manual { command } => crate::manual::run(command).await,
        Command::Clearing { month, from, to, at } => crate::manual::clearing(&month, from.zip(to), at),
        Command::User { command } => crate::people::user(command).await,
        Command::Key { command } => crate::people::key(command).await,
        Command::Import { kind, files, data, strict, knowledge } => {
            crate::import::run(kind, &files, &data.at(), strict, &knowledge).await
        }
        Command::Review { data } => crate::review::run(&data.at()).await,
        Command::Knowledge { command } => match command {
            KnowledgeCommand::Tables { data } => crate::knowledge::tables(&data.at()).await,
            KnowledgeCommand::List { data, table, unconfirmed } => {
                crate::knowledge::list(&data.at(), table.as_deref(), unconfirmed).await
            }
            KnowledgeCommand::Confirm { ids, data, by, ranges, names, word, number } => {
                let said = Confirmation { by, ranges, names, word, number };
                crate::knowledge::confirm(&data.at(), &ids, &said).await
            }
        },
        Command::Adjudicate { input, out, as_of, look_back, data } => {
            crate::batch::run(&input, &out, crate::batch::Known { as_of, look_back }, &data.at()).await
        }
        Command::Replay { data } => crate::replay::run(&data.at()).await,
        Command::Backup { to, data } => crate::backup::backup(&to, &data.at()).await,
        Command::Restore { from, data } => crate::backup::restore(&from, &data.at()).await,
        Command::FinishUpgrade { data } => crate::backup::finish_upgrade(&data.at()).await,
        Command::Inspect { sql, file, named, params, list, format, out, seconds, rows, data, at } => {
            let ask = crate::inspect::Ask { sql, file, named, params, format, out, seconds, rows, remote: at.remote() };
            if list { crate::inspect::list() } else { crate::inspect::run(ask, &data.at()).await }
        }
        Command::Audit { command: AuditCommand::Verify { data, head } } => {
            crate::audit::verify(&data.at(), head.as_deref()).await
        }
        Command::Audit { command: AuditCommand::List { data, last, after, json } } => {
            crate::audit::list(&data.at(), last, after, json).await
        }
        Command::Policy { command: PolicyCommand::Check { files } } => crate::policy::check(&files),
        Command::Policy { command: PolicyCommand::Explain { setl_id, data, english } } => {
            crate::policy::explain(&setl_id, &data.at(), english).await
        }
        Command::Rules { command } => rules(command).await,
    }
}

async fn rules(command: RulesCommand) -> anyhow::Result<bool> {
    use crate::rules;
    match command {
        RulesCommand::New { family, slug, title, library } => rules::new(&library, &family, &slug, &title),
        RulesCommand::Check(w) => rules::check(w.folder.as_deref(), w.code.as_deref()),
        RulesCommand::Test(w) => rules::test(w.folder.as_deref(), w.code.as_deref()),
        RulesCommand::Coverage(w) => rules::covered(w.folder.as_deref(), w.code.as_deref()),
        RulesCommand::List { data, json } => rules::list(&data.at(), json).await,
        RulesCommand::Docs { out, folder } => rules::docs(folder.as_deref(), &out),
        RulesCommand::Publish { folder, data, at } => rules::publish(&folder, &data.at(), at.remote()).await,
        RulesCommand::Measure { claims, seed, json } => rules::measured(claims as usize, seed, json.as_deref()),
        RulesCommand::Why { code, setl_id, data } => rules::why(&code, &setl_id, &data.at()).await,
    }
}
