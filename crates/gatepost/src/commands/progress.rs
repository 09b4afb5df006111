//! Progress of long work, for people at a terminal: nothing is shown where nobody looks.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// A bar on standard error.
pub(super) struct Progress(ProgressBar);

impl Progress {
    /// A bar up to a known end.
    pub(super) fn bar(end: u64, unit: &str) -> Self {
        let form = format!("{{bar:30}} {{pos}}/{{len}} {unit} {{msg}}");
        Self::styled(ProgressBar::new(end), &form)
    }

    /// A count without a known end.
    pub(super) fn count(unit: &str) -> Self {
        let form = format!("{{spinner}} {{human_pos}} {unit} {{msg}}");
        Self::styled(ProgressBar::new_spinner(), &form)
    }

    fn styled(bar: ProgressBar, form: &str) -> Self {
        if let Ok(style) = ProgressStyle::with_template(form) {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(200));
        Self(bar)
    }

    /// Shows how far it is.
    pub(super) fn at(&self, position: u64, words: &str) {
        self.0.set_position(position);
        self.0.set_message(words.to_owned());
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
