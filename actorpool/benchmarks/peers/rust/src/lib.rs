// SPDX-License-Identifier: Apache-2.0
//! Shared by the dispatch programs: the options, the load, the wait for the last message and the line of results.

pub mod load;
pub mod options;
pub mod threads;

use std::process::ExitCode;
use std::time::Duration;

use options::Options;

/// The error of a measurement is one line, which goes to stderr.
pub type Outcome<T> = Result<T, String>;

/// Runs `dispatch`, or `channel` when the command line asks for it, and prints how long its messages took.
pub fn run(
    dispatch: impl FnOnce(&Options) -> Outcome<Duration>,
    channel: impl FnOnce(&Options) -> Outcome<Duration>,
) -> ExitCode {
    let options = match Options::parse(std::env::args().skip(1)) {
        Ok(Some(options)) => options,
        Ok(None) => return ExitCode::SUCCESS,
        Err(cause) => return fail(2, &cause),
    };
    let measured = if options.channel {
        channel(&options)
    } else {
        dispatch(&options)
    };
    match measured {
        Ok(elapsed) => print_result(&options, elapsed),
        Err(cause) => fail(1, &cause),
    }
}

fn print_result(options: &Options, elapsed: Duration) -> ExitCode {
    println!(
        "{{\"messages\":{},\"seconds\":{:.6}}}",
        options.messages,
        elapsed.as_secs_f64()
    );
    ExitCode::SUCCESS
}

fn fail(code: u8, cause: &str) -> ExitCode {
    eprintln!("{cause}");
    ExitCode::from(code)
}
