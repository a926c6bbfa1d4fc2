//! The program `dingan`.

fn main() -> std::process::ExitCode {
    dingan::cli::main()
}
