export OPENAI_BASE_URL="https://models.example.org/v1"
export OPENAI_API_KEY="$SFAI_API_KEY"
export ANTHROPIC_BASE_URL="https://models.example.org"
export ANTHROPIC_AUTH_TOKEN="$SFAI_API_KEY"
# model: drawn
# model: fast_completion (code completion)
# model: it\'s: a \"coder\" # 1
# model: pictures
# model: search (embeddings)
# model: unknown
