//! The `gatepost` command.

use std::process::ExitCode;

/// Many small allocations on many threads: what mimalloc is made for.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    gatepost::commands::run()
}
