//! Where the rows go: standard output, or a file that is there only when it is whole.

use anyhow::Context;
use std::fs::File;
use std::io::{ErrorKind, Write};
use std::path::PathBuf;

pub(super) struct Out {
    to: Box<dyn Write + Send>,
    /// The file, and what it is called until it is whole.
    file: Option<(PathBuf, PathBuf)>,
}

impl Out {
    pub(super) fn open(file: Option<PathBuf>) -> anyhow::Result<Self> {
        let Some(file) = file else { return Ok(Self { to: Box::new(std::io::stdout()), file: None }) };
        let mut part = file.clone().into_os_string();
        part.push(".part");
        let part = PathBuf::from(part);
        let to = File::create(&part).with_context(|| format!("cannot write {}", part.display()))?;
        Ok(Self { to: Box::new(to), file: Some((file, part)) })
    }

    /// Writes; false where the reader went away (`| head`) and wants no more.
    pub(super) fn take(&mut self, bytes: &[u8]) -> anyhow::Result<bool> {
        match self.to.write_all(bytes) {
            Ok(()) => Ok(true),
            Err(e) if self.file.is_none() && e.kind() == ErrorKind::BrokenPipe => Ok(false),
            Err(e) => Err(e).context("the rows could not be written"),
        }
    }

    /// Everything was written.
    pub(super) fn whole(mut self) -> anyhow::Result<()> {
        if let Err(e) = self.to.flush()
            && e.kind() != ErrorKind::BrokenPipe
        {
            return Err(e).context("the rows could not be written");
        }
        if let Some((file, part)) = self.file.take() {
            std::fs::rename(&part, &file).with_context(|| format!("cannot write {}", file.display()))?;
        }
        Ok(())
    }
}

impl Drop for Out {
    fn drop(&mut self) {
        if let Some((_, part)) = &self.file {
            let _ = std::fs::remove_file(part);
        }
    }
}
