"""Models behind an HTTP address that speaks the OpenAI protocol: asked concurrently, every answer kept, nothing asked twice."""
