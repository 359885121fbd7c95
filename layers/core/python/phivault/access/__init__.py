"""Who may do what: principals, purposes of use, policies."""
