"""A tenant's own policies: proposed by one person, approved by another, versioned, rolled back."""
