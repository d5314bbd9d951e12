//! Reference documents come from code; this fails when one is stale.

use foretune_tests::{foretune, repository_root};

#[test]
fn reference_documents_are_those_of_the_code() {
    let folder = repository_root().join("docs");
    let finished = foretune(&["dev", "docs", folder.to_str().expect("a UTF-8 path"), "--check"]);
    assert_eq!(finished.code, 0, "{}", finished.stderr);
}
