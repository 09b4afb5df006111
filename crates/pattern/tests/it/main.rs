//! What each operator matches, what it does not, and what is refused, one module per operator; then
//! many patterns at once, patterns and events made to hurt, and properties.

mod anything_but;
mod arrays;
mod case;
mod cidr;
mod errors;
mod exact;
mod exists;
mod explain;
mod extensions;
mod fields;
mod generate;
mod hostile;
mod matcher;
mod naive;
mod numeric;
mod or;
mod prefix;
mod properties;
mod specification;
mod suffix;
mod wildcard;

use pattern::{Event, Pattern};

/// Asserts whether `pattern` matches `event`.
#[track_caller]
fn check(pattern: &str, event: &str, expected: bool) {
    let parsed = Pattern::parse(pattern).expect("the pattern of the row is valid");
    let event_read = Event::parse(event).expect("the event of the row is valid");
    assert_eq!(parsed.matches(&event_read), expected, "{pattern} on {event}");
}

/// Asserts that `pattern` is refused with a reason that contains `message_part`.
#[track_caller]
fn refused(pattern: &str, message_part: &str) {
    let error = Pattern::parse(pattern).expect_err("the pattern of the row is not valid");
    assert!(
        error.message.contains(message_part),
        "{pattern}: {:?} lacks {message_part:?}",
        error.message
    );
}
