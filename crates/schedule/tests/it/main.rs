//! What is a schedule, what is not, and when it fires.

mod expressions;
mod firing;
mod properties;
