//! Jupyter notebooks: findings name the cell and the line in it, and images hold none.

use keylint::rules::placeholder::expand;
use serde_json::{Value, json};

use crate::encodings::base64;
use crate::harness::Sandbox;

/// A notebook as programs write it, expanded.
fn notebook(cells: &Value, pretty: bool) -> String {
    let notebook = json!({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5});
    let text = if pretty {
        serde_json::to_string_pretty(&notebook)
    } else {
        serde_json::to_string(&notebook)
    };
    expand(&text.unwrap()).0
}

/// The findings in one file of this text.
fn findings(text: &str) -> Vec<Value> {
    let sandbox = Sandbox::new();
    sandbox.write("tree/a.ipynb", text);
    let run = sandbox.run("scan --format json --min-confidence low tree");
    run.json()["findings"].as_array().unwrap().clone()
}

fn cells_of(finding: &Value) -> Vec<&Value> {
    finding["parts"].as_array().unwrap().iter().map(|part| &part["cell"]).collect()
}

#[test]
fn parts_say_their_cell_and_its_line() {
    let all = json!([
        {"cell_type": "markdown", "metadata": {}, "source": "# Keys\n\nnone"},
        {"cell_type": "code", "execution_count": 9, "metadata": {},
         "source": ["import os\n", "key = '{{aws-access-key-id:1}}'\n", "\n",
                    "secret = '{{aws-secret-access-key:1}}'"],
         "outputs": [
             {"name": "stdout", "output_type": "stream", "text": ["ok\n"]},
             {"name": "stdout", "output_type": "stream",
              "text": ["[default]\n", "aws_access_key_id = {{aws-access-key-id:2}}\n",
                       "aws_secret_access_key = {{aws-secret-access-key:2}}\n"]}]}
    ]);
    for pretty in [true, false] {
        let found = findings(&notebook(&all, pretty));
        assert_eq!(found.len(), 2, "{found:?}");
        let of_output = |line: u64| json!({"number": 2, "output": 2, "line": line});
        let of_source = |line: u64| json!({"number": 2, "output": null, "line": line});
        assert_eq!(cells_of(&found[0]), [&of_output(2), &of_output(3)]);
        assert_eq!(cells_of(&found[1]), [&of_source(2), &of_source(4)]);
        assert_eq!(found[1]["notes"], json!(["in cell 2, line 2; cell 2, line 4"]));
    }
}

/// The rules of the findings in a notebook of these cells, each with the cells that its parts stand in.
fn joined(cells: &Value) -> Vec<(String, Vec<u64>)> {
    let mut all = Vec::new();
    for pretty in [true, false] {
        let found: Vec<(String, Vec<u64>)> = findings(&notebook(cells, pretty))
            .iter()
            .map(|finding| {
                let cells = cells_of(finding);
                let cells = cells.iter().map(|cell| cell["number"].as_u64().unwrap());
                (finding["rule"].as_str().unwrap().to_owned(), cells.collect())
            })
            .collect();
        all.push(found);
    }
    assert_eq!(all[0], all[1]);
    all.remove(0)
}

#[test]
fn parts_in_different_cells_are_one_credential() {
    let pair = |cells: &[u64]| ("aws-long-term-credentials".to_owned(), cells.to_vec());
    let outputs = json!([{"name": "stdout", "output_type": "stream",
                          "text": (0..40).map(|n| format!("line {n}\n")).collect::<Vec<_>>()}]);
    let id = json!(["import boto3\n", "key = '{{aws-access-key-id:1}}'"]);
    let secret = json!(["secret = '{{aws-secret-access-key:1}}'\n", "print(1)"]);
    let cell = |source: &Value| json!({"cell_type": "code", "outputs": outputs, "source": source});
    let prose = json!({"cell_type": "markdown", "source": ["And the other one:\n", "\n"]});
    assert_eq!(joined(&json!([cell(&id), prose, cell(&secret)])), [pair(&[1, 3])]);

    // Two in a cell belong together, whatever stands next to it.
    let both =
        json!(["secret = '{{aws-secret-access-key:2}}'\n", "key = '{{aws-access-key-id:2}}'\n"]);
    let found = joined(&json!([cell(&id), cell(&both)]));
    assert_eq!(found, [("aws-access-key-id".to_owned(), vec![1]), pair(&[2, 2])]);

    // Many lines of the program between them are as many as in a program.
    let long = json!((0..12).map(|n| format!("x{n} = {n}\n")).collect::<Vec<_>>());
    let apart = joined(&json!([cell(&id), cell(&long), cell(&secret)]));
    assert_eq!(apart.len(), 2, "{apart:?}");
}

#[test]
fn what_is_wrapped_in_a_cell_has_its_place() {
    let data = "aws_access_key_id={{aws-access-key-id:1}} aws_secret_access_key={{aws-secret-access-key:1}}";
    let wrapped = String::from_utf8(base64(expand(data).0.as_bytes())).unwrap();
    let text =
        notebook(&json!([{"source": ["x = 1\n", format!("y = b64decode('{wrapped}')")]}]), true);
    let found = findings(&text);
    let place = json!({"number": 1, "output": null, "line": 2});
    assert_eq!(cells_of(&found[0]), [&place, &place]);
    assert_eq!(found[0]["notes"], json!(["in cell 1, line 2"]));
}

#[test]
fn images_hold_no_secrets() {
    // Some programs write each slash with a backslash before it: what stands between two of them may have 40 characters.
    let secret = expand("{{aws-secret-access-key:2}}").0;
    let cells = json!([{
        "source": "id = '{{aws-access-key-id:1}}'",
        "outputs": [{"data": {"image/png": "IMAGE"}, "output_type": "display_data"}]
    }]);
    let with = |start: &str| {
        let image = format!(r"{start}{}\/{}\/AAAA", "Ab+4".repeat(16), &secret[1..]);
        let found = findings(&notebook(&cells, true).replace("IMAGE", &image));
        found.iter().map(|finding| cells_of(finding).len()).sum::<usize>()
    };
    assert_eq!(with("iVBORw0KGgo"), 1);
    assert_eq!(with("no image: "), 2);
}

#[test]
fn other_files_have_no_cells() {
    let text = notebook(&json!([{"source": "key = '{{aws-access-key-id:1}}'"}]), true);
    for other in [text.replace("nbformat", "format"), format!("[{text}]")] {
        let found = findings(&other);
        assert!(found[0]["parts"][0].get("cell").is_none());
        assert_eq!(found[0]["notes"], json!([]));
    }
    assert_eq!(findings(&text)[0]["notes"], json!(["in cell 1, line 1"]));
}
