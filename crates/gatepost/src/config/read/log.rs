//! What the lines of requests tell.

use super::Reader;
use crate::config::fields::Fields;
use crate::config::forms;
use crate::config::node::Node;
use crate::telemetry::RequestLog;

impl Reader<'_> {
    pub(super) fn log(&mut self, root: &Fields<'_>) -> RequestLog {
        let log = root.child("log");
        if log.get("fields").is_some() && log.get("template").is_some() {
            let problem = log.problem("template", "a line has `fields` or a `template`, not both");
            self.error(problem, "remove one of the two");
        }
        let fields = log.parse_list("fields", forms::log_field);
        for (index, field) in fields.iter().enumerate() {
            if fields.iter().take(index).any(|before| before == field) {
                let message = format!("the field `{}` is there twice", field.name());
                self.error(log.problem("fields", &message), "remove one of them");
                break;
            }
        }
        if log.text("requests").as_deref() == Some("off") {
            for key in ["fields", "template"].into_iter().filter(|key| log.get(key).is_some()) {
                let message = format!("`{key}` is not used: `requests: off` leaves no lines");
                let problem = log.problem(key, &message);
                self.problems.warn(problem.help("remove one of the two"));
            }
            return RequestLog::Off;
        }
        if let Some(parts) = log.get("template").and_then(Node::text) {
            return forms::log_template(parts).map_or(RequestLog::Usual, RequestLog::Template);
        }
        if fields.is_empty() { RequestLog::Usual } else { RequestLog::Fields(fields) }
    }
}
