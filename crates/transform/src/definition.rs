//! What a target's definition asks for in EventBridge's own words, and how its refusal reads there.
//!
//! For doors that speak EventBridge's API; the configuration has its own keys and its own words.

use crate::{ConstantError, Input, JsonPath, PathError, Template, TemplateError};

/// The members of a target that say what it receives (EventBridge API, `Target`).
#[derive(Debug, Clone, Default)]
pub struct Definition<'a> {
    /// `Input`: JSON text.
    pub input: Option<&'a str>,
    /// `InputPath`: where in the event.
    pub input_path: Option<&'a str>,
    /// `InputTransformer`.
    pub input_transformer: Option<Transformer<'a>>,
}

/// `InputTransformer` of the EventBridge API.
#[derive(Debug, Clone, Default)]
pub struct Transformer<'a> {
    /// `InputPathsMap`: names and their paths.
    pub paths: Vec<(&'a str, &'a str)>,
    /// `InputTemplate`.
    pub template: &'a str,
}

impl Input {
    /// The input that is asked for; the whole event where nothing is.
    pub fn defined(asked: &Definition<'_>) -> Result<Self, DefinitionError> {
        match (asked.input, asked.input_path, &asked.input_transformer) {
            (None, None, None) => Ok(Self::Whole),
            (Some(text), None, None) => Ok(Self::constant(text)?),
            (None, Some(path), None) => Ok(Self::Path(JsonPath::parse(path)?)),
            (None, None, Some(asked)) => {
                let template = Template::parse(asked.paths.iter().copied(), asked.template)?;
                Ok(Self::Template(template))
            }
            _ => Err(DefinitionError::MoreThanOne),
        }
    }
}

/// A definition that no input can be made of.
#[derive(Debug, thiserror::Error)]
pub enum DefinitionError {
    /// More than one of the three members.
    #[error("more than one of Input, InputPath and InputTransformer is given")]
    MoreThanOne,
    /// `Input` is refused.
    #[error("Input is not valid")]
    Input(#[from] ConstantError),
    /// `InputPath` is refused.
    #[error("InputPath is not valid")]
    InputPath(#[from] PathError),
    /// `InputTransformer` is refused.
    #[error("InputTransformer is not valid")]
    InputTransformer(#[from] TemplateError),
}

impl DefinitionError {
    /// The error code of the EventBridge API (`PutTargets`), whatever is wrong.
    pub const CODE: &'static str = "ValidationException";

    /// What a caller is told about the target called `target`, or about the only one there is.
    /// These are the sentences with which `PutTargets` answers, so far as they are known; behind a
    /// colon stands what it does not say.
    pub fn message(&self, target: Option<&str>) -> String {
        let target = target.map(|id| format!(" for target {id}")).unwrap_or_default();
        match self {
            Self::MoreThanOne => format!(
                "Only one of Input, InputPath, or InputTransformer must be provided{target}."
            ),
            Self::Input(ConstantError::Json { source }) => {
                format!("JSON syntax error in input{target}: {source}")
            }
            Self::Input(error) => error.to_string(),
            Self::InputPath(error) => format!("InputPath{target} is invalid: {error}"),
            Self::InputTransformer(error) => transformer_message(error, &target),
        }
    }
}

fn transformer_message(error: &TemplateError, target: &str) -> String {
    match error {
        TemplateError::InvalidPlaceholder { name } => {
            format!("InputTemplate{target} contains invalid placeholder {name}.")
        }
        TemplateError::JsonOnly { name } => {
            format!(
                "InputTemplate{target} contains placeholder {name} valid only for JSON template."
            )
        }
        // `PutTargets` calls a path of the map an InputPath as well.
        TemplateError::Path { key, source } => {
            format!("InputPath{target} is invalid: {key}: {source}")
        }
        TemplateError::Json { .. } | TemplateError::Line { .. } => {
            format!("Invalid InputTemplate{target}: {error}")
        }
        _ => error.to_string(),
    }
}
