//! The `gatepost` command.

use std::process::ExitCode;

/// Many small allocations on many threads: what mimalloc is made for.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    small_pages();
    gatepost::commands::run()
}

/// Takes memory in pages of 4 KiB and not of 2 MiB: the program's many small heaps, one per thread,
/// would each hold a large one, three times as much memory in all.
fn small_pages() {
    // Nothing but memory depends on it: where the system does not know of it, all is as before.
    #[cfg(target_os = "linux")]
    let _known = rustix::thread::disable_transparent_huge_pages(true);
}
