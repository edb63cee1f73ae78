// SPDX-License-Identifier: Apache-2.0
//! The command line of every dispatch program.

const HELP: &str = "\
--messages N   messages in all (5000000)
--actors N     inboxes, each with a thread or task of its own (256)
--inbox N      messages an inbox holds before its senders wait (1000)
--producers N  threads or tasks that send (1)
--workers N    threads of the tokio runtime; no meaning for a thread per inbox (2)
--channel 0|1  1: one channel of --inbox numbers, one producer, one consumer, instead of actors (0)";

pub struct Options {
    pub messages: usize,
    pub actors: usize,
    pub inbox: usize,
    pub producers: usize,
    pub workers: usize,
    pub channel: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            messages: 5_000_000,
            actors: 256,
            inbox: 1000,
            producers: 1,
            workers: 2,
            channel: false,
        }
    }
}

impl Options {
    /// `None`: the help was asked for, and printed.
    pub fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Option<Self>, String> {
        let mut options = Self::default();
        while let Some(name) = arguments.next() {
            if name == "--help" {
                println!("{HELP}");
                return Ok(None);
            }
            let value = arguments.next().unwrap_or_default();
            options.set(&name, &value)?;
        }
        Ok(Some(options))
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        let field = match name {
            "--messages" => &mut self.messages,
            "--actors" => &mut self.actors,
            "--inbox" => &mut self.inbox,
            "--producers" => &mut self.producers,
            "--workers" => &mut self.workers,
            "--channel" => {
                self.channel = flag(name, value)?;
                return Ok(());
            }
            _ => return Err(format!("read the command line: no option \"{name}\"; see --help")),
        };
        *field = value
            .parse()
            .ok()
            .filter(|number| *number > 0)
            .ok_or_else(|| wrong(name, value, "1 or more"))?;
        Ok(())
    }
}

fn flag(name: &str, value: &str) -> Result<bool, String> {
    match value {
        "0" => Ok(false),
        "1" => Ok(true),
        _ => Err(wrong(name, value, "0 or 1")),
    }
}

fn wrong(name: &str, value: &str, hint: &str) -> String {
    format!("read {name}: \"{value}\" does not fit; give {hint}")
}
