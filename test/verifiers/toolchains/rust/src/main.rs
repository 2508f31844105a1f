//! Reads the tokens of a table, which the argument names, and prints the subject that the recipe reads from each, or null where it
//! refuses the token.

mod recipe;

use recipe::Verifier;
use serde::Deserialize;
use std::collections::HashMap;
use std::error::Error;

#[derive(Deserialize)]
struct Judged {
    token: String,
    audience: String,
}

#[derive(Deserialize)]
struct Table {
    issuer: String,
    tokens: Vec<Judged>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args().nth(1).ok_or("the table is missing")?;
    let table: Table = serde_json::from_str(&std::fs::read_to_string(path)?)?;
    let mut verifiers: HashMap<&str, Verifier> = HashMap::new();
    let mut subjects = Vec::new();
    for Judged { token, audience } in &table.tokens {
        if !verifiers.contains_key(audience.as_str()) {
            verifiers.insert(audience, Verifier::new(&table.issuer, audience)?);
        }
        let claims = verifiers[audience.as_str()].verify(token).ok();
        subjects.push(claims.map(|claims| claims["sub"].clone()));
    }
    println!("{}", serde_json::to_string(&subjects)?);
    Ok(())
}
