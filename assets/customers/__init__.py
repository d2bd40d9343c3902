"""What each customer is worth, has been worth and will be: measures, models, predictions."""
