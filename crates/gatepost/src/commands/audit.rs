//! `gatepost audit`.

use clap::Args;

use super::operator::OperatorArguments;
use super::output;

#[derive(Args)]
pub(super) struct Arguments {
    /// How many entries, newest first
    #[arg(long, default_value_t = 50)]
    limit: usize,
    #[command(flatten)]
    operator: OperatorArguments,
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let path = format!("audit?limit={}", arguments.limit);
    let trail = arguments.operator.operator()?.get(&path).await?;
    let columns = [("at", "at"), ("who", "who"), ("what", "what"), ("subject", "subject")];
    output::list(&trail, arguments.operator.json, &columns);
    Ok(())
}
