//! What a target receives, and which inputs are refused when they are written.

mod definition;
mod exact;
mod http;
mod input;
mod path;
mod properties;
mod template;

use transform::{Context, Template, TemplateError};

/// EventBridge's example event (input transformation), with more in its detail.
const EVENT: &str = concat!(
    r#"{"version":"0","id":"7bf73129-1428-4cd3-a780-95db273d1602","#,
    r#""detail-type":"EC2 Instance State-change Notification","source":"aws.ec2","#,
    r#""account":"123456789012","time":"2015-11-11T21:29:54Z","region":"us-east-1","#,
    r#""resources":["arn:aws:ec2:us-east-1:123456789012:instance/i-0123456789"],"#,
    r#""detail":{"instance-id":"i-0123456789","state":"RUNNING","count":3,"ratio":0.5,"#,
    r#""spot":false,"note":null,"spoken":"say \"hi\"","folder":"C:\\x","lines":"one\ntwo","#,
    r#""tags":["a","b"],"owner":{"name":"Ann","ids":[1,2]},"a b":"blank","a.b":"dot"}}"#
);

fn context() -> Context {
    Context {
        rule_name: "example".to_owned(),
        rule_arn: "arn:aws:events:us-east-2:123456789012:rule/example".to_owned(),
        ingestion_time: "2015-11-11T21:29:55Z".to_owned(),
    }
}

/// A template over the variables that the tables use.
fn template(text: &str) -> Result<Template, TemplateError> {
    let paths = [
        ("instance", "$.detail.instance-id"),
        ("state", "$.detail.state"),
        ("count", "$.detail.count"),
        ("ratio", "$.detail.ratio"),
        ("spot", "$.detail.spot"),
        ("note", "$.detail.note"),
        ("spoken", "$.detail.spoken"),
        ("folder", "$.detail.folder"),
        ("lines", "$.detail.lines"),
        ("tags", "$.detail.tags"),
        ("owner", "$.detail.owner"),
        ("detail-type", "$.detail-type"),
        ("first_tag", "$.detail.tags[0]"),
        ("missing", "$.detail.nowhere"),
    ];
    Template::parse(paths, text)
}

/// JSON without the white space between its parts: a naive twin, character by character.
fn compact(json: &str) -> String {
    let (mut inside, mut escaped) = (false, false);
    let mut compact = String::new();
    for next in json.chars() {
        if inside || !next.is_ascii_whitespace() {
            compact.push(next);
        }
        if next == '"' && !escaped {
            inside = !inside;
        }
        escaped = inside && next == '\\' && !escaped;
    }
    compact
}
