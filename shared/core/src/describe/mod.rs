//! Static features in one streaming pass, from mergeable partial results.
