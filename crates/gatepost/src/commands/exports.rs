//! `gatepost openapi` and `gatepost postman`.

use anyhow::{Context as _, anyhow};
use clap::Args;
use serde_json::Value;

use super::{ConfigArgument, say, wrong_usage};
use crate::config::Loaded;
use crate::export;

#[derive(Args)]
pub(super) struct Arguments {
    /// The API; may be left out where there is only one
    api: Option<String>,
    #[command(flatten)]
    config: ConfigArgument,
}

#[derive(Args)]
pub(super) struct PostmanArguments {
    #[command(flatten)]
    which: Arguments,
    /// The client the collection is for, by its id
    #[arg(long)]
    client: Option<String>,
}

pub(super) fn openapi(arguments: &Arguments) -> anyhow::Result<()> {
    let loaded = arguments.config.load()?;
    say(&format!("{:#}", document(&loaded, arguments.api.as_deref())?));
    Ok(())
}

pub(super) fn postman(arguments: &PostmanArguments) -> anyhow::Result<()> {
    let loaded = arguments.which.config.load()?;
    let document = document(&loaded, arguments.which.api.as_deref())?;
    let client = match &arguments.client {
        None => None,
        Some(id) => {
            let client = loaded.definitions.clients.get(id.as_str());
            Some(client.with_context(|| format!("no client is called `{id}`"))?)
        }
    };
    say(&format!("{:#}", export::postman(&loaded.definitions, &document, client)));
    Ok(())
}

fn document(loaded: &Loaded, name: Option<&str>) -> anyhow::Result<Value> {
    let apis = &loaded.definitions.apis;
    let known = || apis.keys().map(model::Name::as_str).collect::<Vec<_>>().join(", ");
    let api = match name {
        Some(name) => apis.get(name),
        None if apis.len() == 1 => apis.values().next(),
        None => None,
    };
    let api = api.ok_or_else(|| match name {
        Some(name) => anyhow!("there is no API `{name}`; there is {}", known()),
        None => wrong_usage(format!("say which API: {}", known())),
    })?;
    Ok(export::openapi(&loaded.definitions, api, loaded.openapi.get(&api.name)))
}
