//! A throwaway PostgreSQL server from the installed binaries, included by path.
//!
//! It listens on a Unix socket in a temporary folder, which is deleted at the end. PostgreSQL does
//! not run as root; then it runs as the user that its package made.
#![allow(dead_code, reason = "not every includer uses all of it")]
#![allow(
    clippy::disallowed_methods,
    reason = "whether the tests must run is an environment variable, and a server is waited for"
)]

use std::{
    ffi::OsStr,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// The user of the tests' databases, without a password.
const USER: &str = "ballast";

/// A running server.
pub(crate) struct Postgres {
    folder: TempDir,
    binaries: PathBuf,
    is_root: bool,
    databases: AtomicUsize,
    /// Room of a disk that only this server sees.
    small_disk_bytes: Option<u64>,
}

impl Postgres {
    /// Starts a server, if its binaries are installed.
    pub(crate) fn start(test: &str) -> Option<Postgres> {
        let server = Postgres::in_new_folder(found("PostgreSQL", test, binaries())?);
        server.make_data();
        server.resume();
        Some(server)
    }

    /// Starts a server with a tablespace `small`, on a disk of some bytes that only this server
    /// sees; bubblewrap mounts it without privileges.
    pub(crate) fn with_small_disk(test: &str, bytes: u64) -> Option<Postgres> {
        let mounts = Command::new("bwrap").arg("--version").output().is_ok().then_some(());
        found("bubblewrap", test, mounts)?;
        let mut server = Postgres::in_new_folder(found("PostgreSQL", test, binaries())?);
        server.small_disk_bytes = Some(bytes);
        server.make_data();
        done(server.as_server("mkdir").arg(server.small_disk()).output());
        server.resume();
        let place = format!("CREATE TABLESPACE small LOCATION '{}'", server.small_disk().display());
        done(server.client("psql").args(["-d", "postgres", "-c", &place]).output());
        Some(server)
    }

    fn in_new_folder(binaries: PathBuf) -> Postgres {
        let is_root = Command::new("id").arg("-u").output().is_ok_and(|id| id.stdout == b"0\n");
        let folder = TempDir::new().expect("a folder");
        if is_root {
            done(Command::new("chown").arg("postgres:").arg(folder.path()).output());
        }
        Postgres {
            folder,
            binaries,
            is_root,
            databases: AtomicUsize::new(0),
            small_disk_bytes: None,
        }
    }

    fn make_data(&self) {
        let options = ["--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"];
        let mut make = self.command("initdb");
        done(make.arg("-D").arg(self.data()).args(["-U", USER]).args(options).output());
    }

    /// Starts a second server, which follows this one and only reads.
    pub(crate) fn standby(&self) -> Postgres {
        let standby = Postgres::in_new_folder(self.binaries.clone());
        let mut copy = self.client("pg_basebackup");
        copy.arg("-D").arg(standby.data()).args(["-R", "-X", "stream", "-c", "fast", "--no-sync"]);
        done(copy.output());
        standby.resume();
        standby
    }

    /// Lets a standby take writes.
    pub(crate) fn promote(&self) {
        done(self.control().arg("promote").output());
    }

    /// Starts the server again after a stop.
    pub(crate) fn resume(&self) {
        assert!(self.try_start(), "{}", self.log());
    }

    fn try_start(&self) -> bool {
        let settings = format!(
            "-c listen_addresses='' -c unix_socket_directories='{}' -c fsync=off \
             -c max_connections=60",
            self.folder().display()
        );
        let mut start = self.control();
        start.arg("-l").arg(self.folder().join("log")).args(["-o", &settings, "start"]);
        // Not `output`: the server would keep the pipe open.
        let quiet = Stdio::null;
        start.stdout(quiet()).stderr(quiet()).status().expect("pg_ctl runs").success()
    }

    /// Stops the server at once, as a crash would.
    pub(crate) fn crash(&self) {
        done(self.control().args(["-m", "immediate", "stop"]).output());
    }

    /// Kills the server process with SIGKILL, which ends its others.
    pub(crate) fn kill(&self) {
        let file = self.data().join("postmaster.pid");
        let text = std::fs::read_to_string(file).expect("it runs");
        done(Command::new("kill").args(["-KILL", text.lines().next().expect("its id")]).output());
    }

    /// Starts the server again after a kill, as soon as its processes have ended.
    pub(crate) fn revive(&self) {
        let (waited, longest) = (Instant::now(), Duration::from_secs(30));
        while !self.try_start() {
            assert!(waited.elapsed() < longest, "{}", self.log());
        }
    }

    /// The URL of a new, empty database.
    pub(crate) fn database(&self) -> String {
        self.database_in("pg_default")
    }

    /// The URL of a new, empty database in a tablespace.
    pub(crate) fn database_in(&self, tablespace: &str) -> String {
        let name = format!("d{}", self.databases.fetch_add(1, Ordering::Relaxed));
        done(self.client("createdb").args(["-D", tablespace]).arg(&name).output());
        self.url(&name)
    }

    /// Deletes a database, and ends the connections to it.
    pub(crate) fn drop_database(&self, url: &str) {
        done(self.client("dropdb").arg("--force").arg(Postgres::name(url)).output());
    }

    /// The URL of a database.
    pub(crate) fn url(&self, name: &str) -> String {
        format!("postgres://{USER}@localhost/{name}?host={}", self.folder().display())
    }

    /// The name of the database in a URL of this server.
    pub(crate) fn name(url: &str) -> &str {
        let name = url.split('?').next().and_then(|url| url.rsplit('/').next());
        name.unwrap_or_default()
    }

    /// The socket that the server listens on.
    pub(crate) fn socket(&self) -> PathBuf {
        self.folder().join(".s.PGSQL.5432")
    }

    /// Runs SQL on a database as its owner; returns what psql printed, without a heading.
    pub(crate) fn sql(&self, url: &str, statement: &str) -> String {
        let printed = done(self.psql(url, statement).output()).stdout;
        String::from_utf8_lossy(&printed).trim().to_owned()
    }

    /// Runs SQL that may fail; returns whether it succeeded.
    pub(crate) fn try_sql(&self, url: &str, statement: &str) -> bool {
        self.psql(url, statement).output().expect("psql runs").status.success()
    }

    fn psql(&self, url: &str, statement: &str) -> Command {
        let mut psql = self.client("psql");
        psql.args(["-XAtq", "-v", "ON_ERROR_STOP=1", "-d", Postgres::name(url), "-c", statement]);
        psql
    }

    /// Gives two databases each other's name, as an address leads to another server after a failover.
    pub(crate) fn swap(&self, one: &str, other: &str) {
        let (of_one, of_other) = (Postgres::name(one), Postgres::name(other));
        let alter = |name: &str, how: &str| {
            self.sql(&self.url("postgres"), &format!("ALTER DATABASE {name} {how}"));
        };
        for name in [of_one, of_other] {
            // Otherwise those that are ended come back at once.
            alter(name, "ALLOW_CONNECTIONS false");
            let end = "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname";
            self.sql(&self.url("postgres"), &format!("{end} = '{name}'"));
        }
        alter(of_one, "RENAME TO swapped");
        alter(of_other, &format!("RENAME TO {of_one}"));
        alter("swapped", &format!("RENAME TO {of_other}"));
        for name in [of_one, of_other] {
            alter(name, "ALLOW_CONNECTIONS true");
        }
    }

    /// Ends all connections of a user.
    pub(crate) fn disconnect(&self, url: &str, user: &str) {
        let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename";
        self.sql(url, &format!("{end} = '{user}'"));
    }

    /// Fills the disk of a database until not one page fits.
    pub(crate) fn fill_disk(&self, url: &str) {
        self.sql(url, "CREATE TABLE filler (page text)");
        self.sql(url, "ALTER TABLE filler ALTER page SET STORAGE PLAIN");
        for pages in [1_000, 100, 10, 1] {
            let more = format!("SELECT repeat('x', 7000) FROM generate_series(1, {pages})");
            while self.try_sql(url, &format!("INSERT INTO filler {more}")) {}
        }
    }

    /// Deletes what filled the disk.
    pub(crate) fn make_room(&self, url: &str) {
        self.sql(url, "DROP TABLE filler");
    }

    /// Runs a statement in a transaction that stays open, with its locks, until the value is
    /// dropped.
    pub(crate) fn hold<'a>(&'a self, url: &'a str, statement: &str) -> Held<'a> {
        let open = format!("BEGIN; {statement}; SELECT pg_sleep(60)");
        let mut psql = self.client("psql");
        psql.args(["-X", "-d", Postgres::name(url), "-c", &open]).stdout(Stdio::null());
        let psql = psql.spawn().expect("psql runs");
        let held = Held { server: self, url, psql };
        let (waited, longest) = (Instant::now(), Duration::from_secs(30));
        // Each question takes psql some milliseconds, so there is no pause between them.
        while self.sql(url, &format!("SELECT count(*) {SLEEPING}")) == "0" {
            assert!(waited.elapsed() < longest, "the statement is not held: {statement}");
        }
        held
    }

    /// Number of connections to a database that wait for a lock.
    pub(crate) fn waiting(&self, url: &str) -> usize {
        let count = "SELECT count(*) FROM pg_stat_activity
            WHERE datname = current_database() AND wait_event_type = 'Lock'";
        self.sql(url, count).parse().expect("a number")
    }

    /// Makes a standby stand still.
    pub(crate) fn pause_replay(&self, url: &str) {
        self.sql(url, "SELECT pg_wal_replay_pause()");
    }

    /// Lets a standby go on.
    pub(crate) fn resume_replay(&self, url: &str) {
        self.sql(url, "SELECT pg_wal_replay_resume()");
    }

    /// A client program of this server's version, connected to it.
    pub(crate) fn client(&self, program: &str) -> Command {
        let mut command = self.command(program);
        command.arg("-h").arg(self.folder()).args(["-U", USER]);
        command
    }

    /// The folder of the data, the socket and the log.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// What the server has logged.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.folder().join("log")).unwrap_or_default()
    }

    fn data(&self) -> PathBuf {
        self.folder().join("data")
    }

    fn control(&self) -> Command {
        let mut command = match self.small_disk_bytes {
            None => self.command("pg_ctl"),
            // What it starts stays in its namespace.
            Some(bytes) => {
                let mut mounted = self.as_server("bwrap");
                mounted.args(["--dev-bind", "/", "/", "--size", &bytes.to_string(), "--tmpfs"]);
                mounted.arg(self.small_disk()).arg(self.binaries.join("pg_ctl"));
                mounted
            }
        };
        command.arg("-D").arg(self.data()).args(["-w", "-t", "60"]);
        command
    }

    /// The folder of the tablespace `small`.
    fn small_disk(&self) -> PathBuf {
        self.folder().join("small")
    }

    /// A program of PostgreSQL, run as a user that it accepts.
    fn command(&self, program: &str) -> Command {
        self.as_server(self.binaries.join(program))
    }

    /// A program, run as the user of the server.
    fn as_server(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = if self.is_root {
            let mut command = Command::new("setpriv");
            command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups", "--"]);
            command.arg(program);
            command
        } else {
            Command::new(program)
        };
        command.current_dir(self.folder()).env("LC_ALL", "C");
        command
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let _gone = self.control().args(["-m", "immediate", "stop"]).output();
    }
}

/// A PgBouncer in front of a server, on a socket in its folder; ended when this is dropped.
pub(crate) struct Pooler {
    child: Child,
    folder: PathBuf,
}

impl Pooler {
    /// Starts one that shares so many connections between transactions, and nothing longer.
    pub(crate) fn start(server: &Postgres, connections: u32) -> Option<Pooler> {
        let installed = Command::new("pgbouncer").arg("--version").output().is_ok().then_some(());
        found("PgBouncer", "a server behind a pooler", installed)?;
        let folder = server.folder().to_owned();
        let (at, users, settings) = (folder.display(), folder.join("users"), folder.join("pooler"));
        let text = format!(
            "[databases]\n* = host={at}\n[pgbouncer]\npool_mode = transaction\nauth_type = trust\n\
             auth_file = {}\nunix_socket_dir = {at}\nlisten_port = {POOLER_PORT}\n\
             default_pool_size = {connections}\n",
            users.display()
        );
        std::fs::write(&settings, text).expect("a file of settings");
        std::fs::write(&users, format!("\"{USER}\" \"\"\n")).expect("a file of users");
        let mut start = server.as_server("pgbouncer");
        let child = start.args(["-q"]).arg(&settings).stderr(Stdio::null()).spawn();
        let pooler = Pooler { child: child.expect("it starts"), folder };
        let waited = Instant::now();
        while !pooler.folder.join(format!(".s.PGSQL.{POOLER_PORT}")).exists() {
            assert!(waited.elapsed() < Duration::from_secs(20), "the pooler does not listen");
        }
        Some(pooler)
    }

    /// The URL of a database through it.
    pub(crate) fn url(&self, name: &str) -> String {
        let at = self.folder.display();
        format!("postgres://{USER}@localhost:{POOLER_PORT}/{name}?host={at}")
    }

    /// Runs statements through it, each in a transaction of its own; returns what psql printed.
    pub(crate) fn sql(&self, server: &Postgres, url: &str, statements: &str) -> String {
        let mut psql = server.client("psql");
        psql.args(["-XAtq", "-p", POOLER_PORT, "-d", Postgres::name(url)]);
        psql.args(statements.split("; ").flat_map(|statement| ["-c", statement]));
        String::from_utf8_lossy(&done(psql.output()).stdout).trim().to_owned()
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _gone = self.child.wait();
        let socket = self.folder.join(format!(".s.PGSQL.{POOLER_PORT}"));
        let _gone = std::fs::remove_file(socket);
    }
}

const POOLER_PORT: &str = "6432";

/// The connection of an open transaction.
const SLEEPING: &str =
    "FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'";

/// An open transaction of another program.
pub(crate) struct Held<'a> {
    server: &'a Postgres,
    url: &'a str,
    psql: Child,
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.server.sql(self.url, &format!("SELECT pg_terminate_backend(pid) {SLEEPING}"));
        let _gone = self.psql.wait();
    }
}

/// The output of a program that must succeed.
fn done(output: std::io::Result<Output>) -> Output {
    let output = output.expect("the program runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output
}

/// What a test needs. Without it, prints that the test is skipped, or fails if `REQUIRE_POSTGRES` is
/// set.
fn found<T>(what: &str, test: &str, it: Option<T>) -> Option<T> {
    if it.is_none() {
        assert!(std::env::var_os("REQUIRE_POSTGRES").is_none(), "{test} needs {what}");
        // Not `eprintln!`, which the test harness captures and never shows of a test that passes.
        let line = format!("skipped: {test} needs {what}\n");
        let _unseen = std::io::stderr().write_all(line.as_bytes());
    }
    it
}

/// The folder of the newest installed server.
fn binaries() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?;
    let found = versions.filter_map(|version| {
        let path = version.ok()?.path();
        let number: u32 = path.file_name()?.to_str()?.parse().ok()?;
        path.join("bin/initdb").exists().then(|| (number, path.join("bin")))
    });
    found.max().map(|(_, binaries)| binaries)
}
