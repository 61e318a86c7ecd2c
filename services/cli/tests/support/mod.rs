//! Helpers that run the built binary to its end, or as a server that logs are read from.
#![allow(dead_code, reason = "each test file uses some of it")]

use serde_json::Value;
use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Command, Output, Stdio},
    sync::{Arc, Mutex, mpsc},
    time::Duration,
};

/// Maximum wait for any condition.
pub(crate) const PATIENCE: Duration = Duration::from_secs(40);

/// Path of the built binary.
pub(crate) const BALLAST: &str = env!("CARGO_BIN_EXE_ballast");

/// Removes the settings that the test's environment may hold from a command.
pub(crate) fn clean(mut command: Command) -> Command {
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("BALLAST_") {
            command.env_remove(name);
        }
    }
    command
}

/// Runs the binary to its end.
pub(crate) fn ballast(arguments: &[&str]) -> Output {
    clean(Command::new(BALLAST)).args(arguments).output().unwrap()
}

/// Checks that a text has some parts.
#[track_caller]
pub(crate) fn holds(text: &str, wanted: &[&str]) {
    for wanted in wanted {
        assert!(text.contains(wanted), "{wanted:?} is not in:\n{text}");
    }
}

/// A server process. It is killed when this value is dropped.
pub(crate) struct Server {
    pub(crate) child: Child,
    /// Host and port.
    pub(crate) address: String,
    log: Arc<Mutex<Vec<Value>>>,
}

impl Server {
    /// Starts `ballast serve` on a store, in a shell after `before` (`ulimit -n 64;`), and waits
    /// until it listens.
    pub(crate) fn start(before: &str, url: &str, settings: &[(&str, &str)]) -> Server {
        let script = format!("{before} exec \"$0\" \"$@\"");
        let mut child = clean(Command::new("sh"))
            .args(["-c", &script, BALLAST, "serve", "--create", "--listen", "127.0.0.1:0"])
            .args(["--admin-listen", "127.0.0.1:0"])
            .args(["--store", url, "--log-format", "json"])
            .envs(settings.iter().copied())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = Arc::new(Mutex::new(Vec::new()));
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let (sender, serving) = mpsc::channel();
        let kept = Arc::clone(&log);
        // The log is read to its end, or the server would block on a full pipe.
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let Ok(line) = serde_json::from_str::<Value>(&line) else { continue };
                if line["message"] == "serving" {
                    let _gone = sender.send(line["address"].as_str().unwrap().to_owned());
                }
                kept.lock().unwrap().push(line);
            }
        });
        let mut server = Server { child, address: String::new(), log };
        let listens = serving.recv_timeout(PATIENCE);
        assert!(listens.is_ok(), "it does not listen: {:?}", server.lines(""));
        server.address = listens.unwrap();
        server
    }

    /// The server's URL.
    pub(crate) fn http(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The log lines so far with a message, or all lines if `message` is empty.
    pub(crate) fn lines(&self, message: &str) -> Vec<Value> {
        let log = self.log.lock().unwrap();
        let is_it = |line: &&Value| message.is_empty() || line["message"] == message;
        log.iter().filter(is_it).cloned().collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _gone = self.child.wait();
    }
}

/// The URL of a store file in a folder.
pub(crate) fn store_in(folder: &std::path::Path) -> String {
    format!("sqlite:{}", folder.join("ballast.db").display())
}
