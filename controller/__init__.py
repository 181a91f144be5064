"""What a door is and how it decides. Knows neither pins nor platforms."""
