//! The files of the configuration, read from disk within bounds.

use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use super::problem::{Problem, Problems};
use super::source::{Source, Span};
use super::yaml::TEXT_BYTES_MAX;

/// What the names of configuration files end with.
const ENDINGS: [&str; 2] = ["yaml", "yml"];
/// The most files of a directory: one per partner of a large company, ten times over.
const FILES_MAX: usize = 10_000;

/// Reads the file, or the files of the directory in the order of their names. What cannot be read
/// is reported, and stands among the sources without its text.
pub(crate) fn read(path: &Path, problems: &mut Problems) -> Vec<Source> {
    if !path.is_dir() {
        return vec![open(path, 0, problems)];
    }
    let complaint = match list(path) {
        Ok(files) if files.len() > FILES_MAX => {
            format!("the directory has more than {FILES_MAX} files")
        }
        Ok(files) if files.is_empty() => {
            "the directory has no file that ends with `.yaml` or `.yml`".to_owned()
        }
        Ok(files) => {
            let files = files.iter().enumerate();
            return files.map(|(index, file)| open(file, index, problems)).collect();
        }
        Err(error) => format!("the directory cannot be read: {error}"),
    };
    let problem = Problem::new(Span::beginning(0), "", &complaint);
    problems.error(problem.help("name a file, or a directory that holds the configuration"));
    vec![Source::new(&path.display().to_string(), "", path)]
}

fn list(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        let ending = path.extension().and_then(|ending| ending.to_str());
        let fits = ending.is_some_and(|ending| ENDINGS.contains(&ending));
        // Editors keep their swap files under names that begin with a dot.
        let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if fits && !hidden && path.is_file() {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn open(path: &Path, index: usize, problems: &mut Problems) -> Source {
    let name = path.display().to_string();
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let text = match text(path) {
        Ok(text) => text,
        Err(error) => {
            let message = format!("the file cannot be read: {error}");
            let help = match error.kind() {
                io::ErrorKind::NotFound => "look at the path; the README has a first file to copy",
                io::ErrorKind::InvalidData => "save the file as UTF-8",
                _ => "look at the file and its permissions",
            };
            problems.error(Problem::new(Span::beginning(index), "", &message).help(help));
            String::new()
        }
    };
    Source::new(&name, &text, directory)
}

/// The file's text; one byte more than allowed tells the parser that it is too long.
pub(crate) fn text(path: &Path) -> io::Result<String> {
    let mut bytes = Vec::new();
    let bound = u64::try_from(TEXT_BYTES_MAX).unwrap_or(u64::MAX).saturating_add(1);
    fs::File::open(path)?.take(bound).read_to_end(&mut bytes)?;
    if bytes.len() > TEXT_BYTES_MAX {
        // The cut may lie within a character; the text is refused for its length anyway.
        return Ok(String::from_utf8_lossy(&bytes).into_owned());
    }
    String::from_utf8(bytes)
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8 text"))
}
