//! The program `dingan`.

/// A claim under review is many small values that live as long as it does.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    dingan::cli::main()
}
