"""What each customer is worth, has been worth and will be: measures, models, predictions.

Add here: a measure or a model of a customer. Not here: what customers did on a day (`gold.customer_days`).
"""
